import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles diff`
struct ProfilesDiff: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what changed between two versions of a profile.",
        discussion: """
            Without versions: the newest against the one before it; with one: the newest against that one.

            EXAMPLES:
              profile-gateway profiles diff agent
              profile-gateway profiles diff shared/base 2 5
              profile-gateway profiles diff agent 1 --format json | jq .patch
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Argument(help: ArgumentHelp("The older version.", valueName: "from"))
    var from: UInt64?

    @Argument(help: ArgumentHelp("The newer version.", valueName: "to"))
    var to: UInt64?

    @Option(name: .long, help: "table (diff -u), json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let query = [("from", from.map { "\($0)" }), ("to", to.map { "\($0)" })]
        let difference = try await gateway.send(profile.request(.get, ["diff"], query: query)).value()
        format.print(difference) {
            let text = difference.text("text")
            return text.isEmpty ? "no difference" : DiffText.coloured(text)
        }
    }
}
