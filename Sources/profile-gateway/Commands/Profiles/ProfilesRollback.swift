import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles rollback`
struct ProfilesRollback: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Make the content of an old version the current one; a deleted profile comes back.",
        discussion: """
            The old content becomes a new version; nothing is removed from the history. On a terminal it shows the
            change and asks first.

            EXAMPLES:
              profile-gateway profiles rollback agent 3
              profile-gateway profiles rollback shared/base 7 --expected-version 9 --yes
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Argument(help: ArgumentHelp("The version whose content comes back.", valueName: "version"))
    var version: UInt64

    @Option(name: .long, help: ArgumentHelp("Only if this is the current version.", valueName: "n"))
    var expectedVersion: UInt64?

    @OptionGroup var guarding: GuardOptions

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        var expected = expectedVersion
        if !guarding.yes, Question.canAsk {
            // The change that is shown is the change that is made.
            let newest = try await gateway.send(profile.request(.get, ["versions"], query: [("limit", "1")])).value()[0]
            let current = newest?["version"]?.numberValue?.uint64
            // A deleted profile has no version to expect; that it comes back is the change.
            if expected == nil, newest?["deleted"]?.boolValue != true { expected = current }
            let query = [("from", current.map { "\($0)" }), ("to", "\(version)")]
            let difference = try await gateway.send(profile.request(.get, ["diff"], query: query)).value()
            Output.error(DiffText.coloured(difference.text("text")))
            try Question.confirm("Roll \(profile.name) back to version \(version)?", assumingYes: false)
        }
        var body: JSONObject = ["version": .number(JSONNumber(version))]
        if let expected { body["expected_version"] = .number(JSONNumber(expected)) }
        var request = profile.request(.post, ["rollback"], body: JSONValue.object(body).encoded())
        guarding.apply(to: &request)
        WrittenProfile.report(
            try await gateway.send(request).value(), "rolled back to version \(version):", format: format)
    }
}
