import ArgumentParser
import Gateway
import JSON

/// `profile-gateway tenant …`
struct Tenants: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant",
        abstract: "Which tenants there are, and how they are.",
        discussion: """
            EXAMPLES:
              profile-gateway tenant list
              profile-gateway tenant show acme
            """,
        subcommands: [List.self, Show.self])

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all tenants.",
            discussion: """
                A tenant whose state is "closed" has not been asked for yet; `tenant show` opens it.

                EXAMPLES:
                  profile-gateway tenant list
                  profile-gateway tenant list --format json | jq -r '.[] | select(.state == "quarantined") | .slug'
                """)

        @OptionGroup var client: ClientOptions

        @Option(name: .long, help: "table, json or yaml.")
        var format: OutputFormat = .table

        func run(on gateway: GatewayClient) async throws {
            let tenants = try await gateway.list(.admin(.get, ["tenants"]))
            format.print(.array(tenants)) {
                var table = Table(["TENANT", "NAME", "STATE", "REASON"])
                for tenant in tenants {
                    table.add(["slug", "display_name", "state", "reason"].map { tenant.text($0) })
                }
                return table.text
            }
        }
    }

    struct Show: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one tenant, opening it if it is not open.",
            discussion: """
                EXAMPLES:
                  profile-gateway tenant show
                  profile-gateway tenant show acme --format json
                """)

        @OptionGroup var client: ClientOptions

        @Argument(
            help: ArgumentHelp("The tenant. Default: the one of --tenant, or the default one", valueName: "tenant"))
        var slug: String?

        @Option(name: .long, help: "table (YAML for people), json or yaml.")
        var format: OutputFormat = .table

        func run(on gateway: GatewayClient) async throws {
            let name: String
            if let slug { name = slug } else { name = try gateway.tenant }
            let tenant = try await gateway.send(.admin(.get, ["tenants", name])).value()
            format.print(tenant) { Terminal.printable(DocumentText.yaml(tenant)) }
        }
    }
}
