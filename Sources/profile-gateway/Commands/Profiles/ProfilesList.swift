import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles list`
struct ProfilesList: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the profiles of a registry.",
        discussion: """
            EXAMPLES:
              profile-gateway profiles list
              profile-gateway profiles list --registry shared --tag support
              profile-gateway profiles list --tenant acme --format json | jq -r '.[].slug'
            """)

    @OptionGroup var client: ClientOptions

    @Option(name: .long, help: ArgumentHelp("The registry. Default: default", valueName: "slug"))
    var registry: String?

    @Option(name: .long, help: ArgumentHelp("Only those with this tag.", valueName: "tag"))
    var tag: String?

    @Option(
        name: [.customLong("query"), .customShort("q")],
        help: ArgumentHelp(
            "Only those with this text in slug or name.", valueName: "text"))
    var text: String?

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let items = try await gateway.list(
            ClientRequest(
                .get, ["api", "chat", "profiles"], query: [("registry", registry), ("tag", tag), ("q", text)]))
        format.print(.array(items)) {
            var table = Table(["PROFILE", "NAME", "VERSION", "UPDATED", ""])
            for item in items {
                let isDefault = item["is_default"]?.boolValue ?? false
                table.add([
                    item.text("slug"), item.text("display_name"), item.text("version"),
                    Moment.text(milliseconds: item["updated_at_ms"]), isDefault ? "default" : "",
                ])
            }
            return table.text
        }
    }
}
