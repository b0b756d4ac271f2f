import ArgumentParser
import Gateway

/// A profile as commands name it: `slug`, `registry/slug`, or `slug` with `--registry`.
struct ProfileReference: ParsableArguments {
    @Argument(help: ArgumentHelp("The profile: slug or registry/slug.", valueName: "profile"))
    var name: String

    @Option(name: .long, help: ArgumentHelp("Its registry. Default: default", valueName: "slug"))
    var registry: String?

    var slug: String { name.split(separator: "/", maxSplits: 1).last.map(String.init) ?? name }

    /// Nil for the default registry.
    var registrySlug: String? {
        let parts = name.split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? String(parts[0]) : registry
    }

    func validate() throws {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts.contains(where: \.isEmpty) else {
            throw ValidationError("\(name.debugDescription) is no profile: give slug or registry/slug")
        }
        if parts.count == 2, let registry, registry != parts[0] {
            throw ValidationError("\(name) and --registry \(registry) name two registries: give one")
        }
    }

    /// The path of the profile's endpoint, and its query.
    func request(
        _ method: ClientRequest.Method, _ rest: [String] = [], query: [(name: String, value: String?)] = [],
        body: [UInt8]? = nil
    ) -> ClientRequest {
        ClientRequest(
            method, ["api", "chat", "profiles", slug] + rest, query: [("registry", registrySlug)] + query, body: body)
    }
}
