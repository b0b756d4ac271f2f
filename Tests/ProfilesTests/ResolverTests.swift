import JSON
import Profiles
import Testing

/// A tenant's profiles in memory, written as stored documents.
struct TestTenant: ProfileLookup {
    var profiles: [ProfileID: Profile] = [:]
    var registries: Set<RegistrySlug> = [.default]

    /// - Parameter documents: `registry/slug` or `slug` (of `default`) → profile document without its slug.
    init(_ documents: [String: String]) throws {
        for (name, text) in documents { try add(name, text) }
    }

    mutating func add(_ name: String, _ text: String) throws {
        let id = Self.id(name)
        profiles[id] = try Profile(document: JSONValue(parsing: text), slug: id.profile)
        registries.insert(id.registry)
    }

    static func id(_ name: String) -> ProfileID {
        let parts = name.split(separator: "/")
        let registry = parts.count == 2 ? RegistrySlug(String(parts[0])) : nil
        return ProfileID(registry: registry ?? .default, profile: ProfileSlug(String(parts.last ?? "")) ?? .default)
    }

    func hasRegistry(_ slug: RegistrySlug) -> Bool { registries.contains(slug) }
    func profile(_ id: ProfileID) -> Profile? { profiles[id] }
    var stackedProfiles: [ProfileID] { profiles.filter { !$0.value.stack.isEmpty }.map(\.key) }

    func resolve(
        _ name: String, overrides: String = "{}", variables: JSONObject = [:], base: JSONObject = [:],
        explains: Bool = false
    ) throws -> ResolvedProfile {
        let request = RequestedRuntime(
            overrides: try JSONValue(parsing: overrides).objectValue ?? [:], variables: variables)
        return try Resolver(baseSettings: base) { _ in "echo" }
            .resolve(Self.id(name), request, in: self, explains: explains)
    }
}

@Suite struct ResolverTests {
    @Test func `RS-1 a profile of its own resolves to what it says, over the operator's base`() throws {
        let tenant = try TestTenant([
            "agent": #"""
            {"runtime":{"system_prompt":"P","tools":["calculator"],"middlewares":[{"name":"agentmode","id":"a"},{"name":"agentmode"}],
             "step_settings_patch":{"ai-chat":{"ai-engine":"gpt-4.1-mini","ai-temperature":0.0}}},
             "policy":{"allow_overrides":true,"denied_override_keys":["TOOLS"],"on_denied":"ignore"},"metadata":{"version":3,"source":"db"},
             "extensions":{"app.note@v1":{"x":1},"middleware.agentmode_config@v1":{"instances":{"id:a":{"default_mode":"chat"},"default":{"default_mode":"d"}}}}}
            """#
        ])
        let resolved = try tenant.resolve(
            "agent", base: ["ai-chat": ["ai-engine": "base", "ai-max-response-tokens": 5]])
        #expect(resolved.version == 3)
        #expect(resolved.runtimeKey == "default/agent")
        #expect(
            resolved.effective.document().text
                == #"{"system_prompt":"P","tools":["calculator"],"middlewares":[{"name":"agentmode","id":"a","enabled":true,"config":{"default_mode":"chat"}},{"name":"agentmode","enabled":true,"config":{"default_mode":"d"}}],"step_settings":{"ai-chat":{"ai-engine":"gpt-4.1-mini","ai-max-response-tokens":5,"ai-temperature":0.0}},"policy":{"allow_overrides":true,"denied_override_keys":["tools"],"read_only":false,"on_denied":"ignore"},"extensions":{"app.note@v1":{"x":1}}}"#
        )
        #expect(
            resolved.document(isFull: true)["lineage"]?.text
                == #"[{"registry_slug":"default","profile_slug":"agent","version":3}]"#)
        #expect(
            resolved.document(isFull: false).objectValue.map { Array($0.keys) }
                == ["registry", "profile", "version", "runtime_key", "fingerprint"])
    }

    @Test func `an empty profile restricts nothing and allows nothing`() throws {
        let effective = try TestTenant(["default": "{}"]).resolve("default").effective
        #expect(
            effective.document().text
                == #"{"system_prompt":null,"tools":null,"middlewares":[],"step_settings":{},"policy":{"allow_overrides":false,"read_only":false},"extensions":{}}"#
        )
    }

    @Test func `RS-2 unknown registries and profiles are named`() throws {
        let tenant = try TestTenant([:])
        let registry = try #require(throws: ResolutionError.self) { try tenant.resolve("team/x") }
        #expect(registry.description.hasPrefix("registry not found: "))
        let profile = try #require(throws: ResolutionError.self) { try tenant.resolve("default/x") }
        #expect(profile.description == "profile not found: x")
    }

    @Test func `FP-4 CH-22 fingerprints are stable, sensitive, and never hold a key`() throws {
        let body =
            #"{"runtime":{"step_settings_patch":{"openai-chat":{"openai-api-key":"sk-1"}}},"metadata":{"version":1}}"#
        var tenant = try TestTenant(["a": body, "team/a": body])
        let first = try tenant.resolve("a")
        #expect(try tenant.resolve("a").fingerprint == first.fingerprint)
        #expect(first.fingerprint.hasPrefix("sha256:") && first.fingerprint.utf8.count == 71)
        #expect(try tenant.resolve("team/a").fingerprint != first.fingerprint)
        #expect(!first.document(isFull: true).text.contains("sk-1"))
        try tenant.add("a", body.replacing("\"version\":1", with: "\"version\":2"))
        #expect(try tenant.resolve("a").fingerprint != first.fingerprint)
    }

    @Test func `a digest has its one spelling`() {
        #expect(
            Fingerprint.hexadecimal(of: Array("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
