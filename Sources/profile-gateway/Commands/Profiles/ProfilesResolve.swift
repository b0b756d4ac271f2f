import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles resolve`
struct ProfilesResolve: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Show what a chat with a profile would get, and which layer each value comes from.",
        discussion: """
            No upstream is asked. Values that a layer changed show the layers below too. With overrides the profile's
            policy is applied as for a chat; a refused one is explained, and the status is 1.

            EXAMPLES:
              profile-gateway profiles resolve agent
              profile-gateway profiles resolve agent --override ai-chat.ai-temperature=0.9 --var lang=de
              profile-gateway profiles resolve shared/base --overrides '{"tools":[]}' --output json | jq .effective
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference
    @OptionGroup var overriding: OverrideOptions

    @Option(name: [.long, .customLong("output")], help: "table (a tree), json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let overrides = try overriding.document()
        do throws(ClientFailure) {
            let document = try await gateway.send(request(overrides: overrides)).value()
            format.print(document) { ResolutionTree(document).text }
        } catch {
            guard let overrides, let explained = await explain(error, overrides, on: gateway) else { throw error }
            throw explained
        }
    }

    private func request(overrides: JSONObject?) throws(ClientFailure) -> ClientRequest {
        var body: JSONObject = ["profile": .string(profile.slug)]
        if let registry = profile.registrySlug { body["registry"] = .string(registry) }
        if let overrides { body["overrides"] = .object(overrides) }
        if let variables = try? overriding.variableValues() { body["variables"] = .object(variables) }
        return ClientRequest(.post, ["api", "chat", "resolve"], body: JSONValue.object(body).encoded())
    }

    /// The refusal with the bound and the layers behind it; nil when it is about something else.
    private func explain(
        _ failure: ClientFailure, _ overrides: JSONObject, on gateway: GatewayClient
    ) async -> ClientFailure? {
        guard let problem = failure.problem, failure.code == "policy_violation",
            let trace = try? await gateway.send(request(overrides: nil)).value()["trace"],
            let refusal = OverrideRefusal(problem: problem, overrides: overrides, trace: trace)
        else { return nil }
        let source = refusal.layers.isEmpty ? "" : "\n  said by  \(refusal.layers.joined(separator: ", "))"
        return ClientFailure(
            failure.kind, "\(failure.message)\n  refused  \(refusal.refused)\n  rule     \(refusal.rule)\(source)")
    }
}
