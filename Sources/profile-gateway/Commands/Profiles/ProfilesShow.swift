import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles show`
struct ProfilesShow: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one profile's own document.",
        discussion: """
            This is what the profile itself says; `profiles resolve` shows what it comes to on top of its stack.

            EXAMPLES:
              profile-gateway profiles show agent
              profile-gateway profiles show shared/base --format json
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Option(name: .long, help: "table (YAML for people), json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let document = try await gateway.send(profile.request(.get)).value()
        format.print(document) { Terminal.printable(DocumentText.yaml(document)) }
    }
}
