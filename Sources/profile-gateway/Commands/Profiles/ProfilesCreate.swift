import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles create`
struct ProfilesCreate: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a profile, from options or from a document.",
        discussion: """
            The document is YAML or JSON with the fields that `profiles show` prints; what the server owns in it
            (registry, version, times) is left out. Options win over the document. An existing profile is exit status 4.

            EXAMPLES:
              profile-gateway profiles create helper --prompt "You help." --set-default
              profile-gateway profiles create agent-de --registry shared --stack shared/agent --file agent-de.yaml
              profile-gateway profiles show agent | profile-gateway profiles create agent-copy --file -
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference

    @Option(name: .long, help: ArgumentHelp("The profile's document; - for standard input.", valueName: "path"))
    var file: String?

    @Option(name: .long, help: ArgumentHelp("Its name for people.", valueName: "text"))
    var displayName: String?

    @Option(name: .long, help: ArgumentHelp("Its system prompt.", valueName: "text"))
    var prompt: String?

    @Option(
        name: .long,
        help: ArgumentHelp("A profile below it: slug or registry/slug. May be repeated.", valueName: "profile"))
    var stack: [String] = []

    @Flag(name: .long, help: "Make it the registry's default, in the same change.")
    var setDefault = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        var body = JSONObject()
        if let file {
            body = WrittenProfile.editable(
                try DocumentText.object(Descriptor.read(path: file), named: file == "-" ? "standard input" : file))
        }
        body["slug"] = .string(profile.slug)
        if let displayName { body["display_name"] = .string(displayName) }
        if let prompt { body.mutateObject("runtime") { $0["system_prompt"] = .string(prompt) } }
        if !stack.isEmpty { body["stack"] = .array(stack.map(Self.reference)) }
        if setDefault { body["set_default"] = true }
        let request = ClientRequest(
            .post, ["api", "chat", "profiles"], query: [("registry", profile.registrySlug)],
            body: JSONValue.object(body).encoded())
        do throws(ClientFailure) {
            WrittenProfile.report(try await gateway.send(request).value(), "created", format: format)
        } catch {
            guard error.code == "version_conflict" else { throw error }
            throw ClientFailure(
                .conflict, "profile \(profile.name) exists already; `profiles edit` changes it", problem: error.problem)
        }
    }

    private static func reference(_ text: String) -> JSONValue {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return ["profile_slug": .string(text)] }
        return ["registry_slug": .string(parts[0]), "profile_slug": .string(parts[1])]
    }
}
