import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles delete`
struct ProfilesDelete: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a profile; its history stays, and rollback brings it back.",
        discussion: """
            On a terminal it asks first. A profile that others stack on, and the default one unless --new-default names
            another, are not deleted: exit status 4.

            EXAMPLES:
              profile-gateway profiles delete helper
              profile-gateway profiles delete shared/old --new-default new --yes
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Option(
        name: .long, help: ArgumentHelp("Which profile becomes the default, in the same change.", valueName: "slug"))
    var newDefault: String?

    @Option(name: .long, help: ArgumentHelp("Only if this is its version.", valueName: "n"))
    var expectedVersion: UInt64?

    @OptionGroup var guarding: GuardOptions

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        try Question.confirm("Delete \(profile.name)?", assumingYes: guarding.yes)
        var request = profile.request(
            .delete, query: [("new_default", newDefault), ("expected_version", expectedVersion.map(String.init))])
        guarding.apply(to: &request)
        _ = try await gateway.send(request)
        let deleted: JSONValue = [
            "registry": .string(profile.registrySlug ?? "default"), "slug": .string(profile.slug), "deleted": true,
        ]
        format.print(deleted) { "deleted \(profile.name)" }
    }
}

/// What stands between a command and a change that is hard to undo.
struct GuardOptions: ParsableArguments {
    @Flag(name: [.long, .short], help: "Do not ask.")
    var yes = false

    @Flag(name: .long, help: "Change it although its policy says read_only; the audit says so.")
    var overrideReadOnly = false

    func apply(to request: inout ClientRequest) {
        if overrideReadOnly { request.headers.append(("X-Override-Read-Only", "true")) }
    }
}
