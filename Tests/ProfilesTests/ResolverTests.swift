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
    private func temperatures(
        _ name: String, in tenant: TestTenant, overrides: String = "{}", base: JSONObject = [:]
    ) throws -> [String: String] {
        let resolved = try tenant.resolve(name, overrides: overrides, base: base, explains: true)
        let plain = try tenant.resolve(name, overrides: overrides, base: base)
        #expect(plain.effective == resolved.effective && plain.fingerprint == resolved.fingerprint)
        let trace = try #require(resolved.trace)
        var found: [String: String] = [:]
        for (section, field) in [("ai-chat", "ai-temperature"), ("ai-inference", "inference-temperature")] {
            let value = resolved.effective.setting(section, field)
            found[section] = value?.text
            let entry = trace["/runtime/step_settings_patch/\(section)/\(field)"]
            #expect(entry?.value ?? .null == value ?? .null && entry?.steps.last?.value ?? .null == value ?? .null)
        }
        return found
    }

    @Test func `of two names of one setting the later layer's holds`() throws {
        let tenant = try TestTenant([
            "low":
                #"{"runtime":{"step_settings_patch":{"ai-inference":{"inference-temperature":0.1}}},"policy":{"allow_overrides":true}}"#,
            "high":
                #"{"stack":[{"profile_slug":"low"}],"runtime":{"step_settings_patch":{" ai-chat ":{" ai-temperature":0.2}}}}"#,
            "turned":
                #"{"stack":[{"profile_slug":"high"}],"runtime":{"step_settings_patch":{"ai-inference":{"inference-temperature":0.3}}}}"#,
            "both":
                #"{"stack":[{"profile_slug":"turned"}],"runtime":{"step_settings_patch":{"ai-chat":{"ai-temperature":0.4},"ai-inference":{"inference-temperature":0.5}}}}"#,
            "gone":
                #"{"stack":[{"profile_slug":"low"}],"runtime":{"step_settings_patch":{"ai-chat":{"ai-temperature":null}}}}"#,
            "moved":
                #"{"stack":[{"profile_slug":"low"}],"runtime":{"step_settings_patch":{"ai-inference":{"inference-temperature":null},"ai-chat":{"ai-temperature":0.6}}}}"#,
            "cleared":
                #"{"stack":[{"profile_slug":"low"}],"runtime":{"step_settings_patch":{"ai-chat":{"ai-temperature":0.7},"ai-inference":null}}}"#,
        ])
        #expect(try temperatures("low", in: tenant) == ["ai-inference": "0.1"])
        #expect(try temperatures("high", in: tenant) == ["ai-chat": "0.2"])
        #expect(try temperatures("turned", in: tenant) == ["ai-inference": "0.3"])
        // In one layer both stand, and the upstream takes that of `ai-inference` (origin 7).
        #expect(try temperatures("both", in: tenant) == ["ai-chat": "0.4", "ai-inference": "0.5"])
        #expect(try temperatures("gone", in: tenant) == [:])
        #expect(try temperatures("moved", in: tenant) == ["ai-chat": "0.6"])
        #expect(try temperatures("cleared", in: tenant) == ["ai-chat": "0.7"])

        let override = #"{"step_settings_patch":{"ai-chat":{"ai-temperature":0.9}}}"#
        for name in ["low", "high", "turned", "both", "gone", "moved", "cleared"] {
            #expect(try temperatures(name, in: tenant, overrides: override) == ["ai-chat": "0.9"], "\(name)")
        }
        #expect(
            try temperatures("high", in: tenant, base: ["ai-inference": ["inference-temperature": 1]])
                == ["ai-chat": "0.2"])
        let trace = try #require(try tenant.resolve("low", overrides: override, explains: true).trace)
        let last = trace["/runtime/step_settings_patch/ai-inference/inference-temperature"]?.steps.last
        #expect(last?.layer == "request" && last?.value == .null)
    }

    @Test func `a trace has the order of the middlewares and the declarations of variables`() throws {
        let tenant = try TestTenant([
            "low":
                #"{"runtime":{"middlewares":[{"name":"a"},{"name":"b","id":"x"}],"variables":{"v":{"default":"1"},"w":{}}}}"#,
            "same":
                #"{"stack":[{"profile_slug":"low"}],"runtime":{"middlewares":[{"name":"b","id":"x","enabled":false}],"variables":{"w":null}}}"#,
            "top": #"{"stack":[{"profile_slug":"same"}],"runtime":{"middlewares":[{"name":"c"}],"variables":null}}"#,
        ])
        func steps(_ name: String, _ path: String) throws -> [String] {
            let trace = try #require(try tenant.resolve(name, explains: true).trace)
            return try #require(trace[path]).steps.map { "\($0.layer) \($0.value.text)" }
        }
        let low = #"default/low@0 ["a","b#x"]"#
        #expect(try steps("same", "/runtime/middlewares") == [low])
        #expect(try steps("top", "/runtime/middlewares") == [low, #"default/top@0 ["a","b#x","c"]"#])
        #expect(try steps("same", "/runtime/variables/w").last == "default/same@0 null")
        #expect(try steps("same", "/runtime/variables/v").count == 1)
        #expect(try steps("top", "/runtime/variables/v").last == "default/top@0 null")
    }

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
