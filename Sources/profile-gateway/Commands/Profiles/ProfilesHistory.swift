import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles history`
struct ProfilesHistory: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List the versions of a profile, newest first.",
        discussion: """
            EXAMPLES:
              profile-gateway profiles history agent
              profile-gateway profiles history shared/base --limit 100 --format json | jq '.[].document.runtime'
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Option(name: .long, help: ArgumentHelp("How many versions.", valueName: "n"))
    var limit = 20

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let versions = try await gateway.send(profile.request(.get, ["versions"], query: [("limit", "\(limit)")]))
            .value()
        format.print(versions) {
            var table = Table(["VERSION", "WHEN", "WHAT", "WHO", "BY", "REQUEST"])
            for version in versions.arrayValue ?? [] {
                let damage = version["damaged"].map { _ in " (damaged)" } ?? ""
                table.add([
                    version.text("version"), Moment.text(milliseconds: version["at_ms"]),
                    version.text("action") + damage, version.text("actor"), version.text("source"),
                    version.text("request_id"),
                ])
            }
            return table.text
        }
    }
}
