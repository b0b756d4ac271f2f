import Bundles
import GatewayTestSupport
import JSON
import Profiles
import Testing

@Suite struct RoundTripTests {
    @Test func `12,000 registries come back as they were, from YAML and from JSON`() throws {
        var maker = RegistryMaker(seed: 0xB0_0D1E)
        for number in 0..<12_000 {
            let document = maker.registry()
            let written = BundleWriter.document(of: [document])
            let syntax = number % 4 == 3 ? BundleSyntax.json : .yaml
            let text = BundleWriter.encode(written, as: syntax)
            let bundle = try BundleReader().read(text, as: syntax)
            guard bundle.problems.isEmpty, bundle.documents == [document],
                bundle.documents.first?.document == document.document
            else {
                Issue.record("number \(number): \(bundle.problems)\n\(String(decoding: text, as: UTF8.self))")
                return
            }
        }
    }

    @Test func `bundles of several registries come back too`() throws {
        var maker = RegistryMaker(seed: 7)
        for _ in 0..<200 {
            var documents: [RegistrySlug: RegistryDocument] = [:]
            for _ in 0..<4 {
                let document = maker.registry()
                documents[document.registry.slug] = document
            }
            let sorted = documents.values.sorted { $0.registry.slug < $1.registry.slug }
            let text = BundleWriter.encode(BundleWriter.bundle(of: sorted), as: .yaml)
            #expect(try BundleReader().read(text, as: .yaml).documents == sorted)
        }
    }

    @Test func `20,000 values of any kind survive YAML`() throws {
        var maker = RegistryMaker(seed: 99)
        for number in 0..<20_000 {
            let value = maker.value(depth: 4)
            let text = YAMLWriter.encode(value)
            let read = try YAMLNode.parse(text)?.json ?? .null
            guard read == value else {
                Issue.record(
                    "number \(number): \(value.text) became \(read.text)\n\(String(decoding: text, as: UTF8.self))")
                return
            }
        }
    }

    @Test func `YA-4 unknown extensions survive`() throws {
        let text = """
            slug: team
            default_profile_slug: a
            profiles:
              a:
                extensions:
                  thirdparty.feature@v1: {nested: {list: [1, {x: null}], empty: {}, none: []}}
                  vendor.extra@v2: [1, two, 3.0]
            """
        let first = try yaml(text).documents
        let again = try BundleReader().read(BundleWriter.encode(BundleWriter.document(of: first), as: .yaml), as: .yaml)
        #expect(again.documents == first)
        #expect(
            again.documents[0].profiles[0].extensions["vendor.extra@v2"]
                == .array([1, "two", .number(JSONNumber(parsing: "3.0")!)]))
    }

    @Test func `YA-11 the strict form keeps stack references`() throws {
        let text = """
            slug: team
            profiles:
              base: {}
              default:
                stack: [{profile_slug: base}, {registry_slug: shared, profile_slug: x}]
            """
        let document = try #require(try yaml(text, strict: true).completed.first)
        let written = OriginDocument(document, form: .strictYAML, masksKeys: true)
        #expect(written.notes == [])
        let again = try yaml(String(decoding: written.yaml(), as: UTF8.self), strict: true)
        #expect(again.problems == [])
        #expect(again.completed.first?.profiles.map(\.stack) == document.profiles.map(\.stack))
    }

    @Test func `what the origin's form cannot say is said in comments, and never opens a door`() throws {
        let text = """
            slug: team
            default_profile_slug: b
            profiles:
              a:
                runtime: {tools: [], system_prompt: null, variables: {x: {type: string}}}
                policy: {allow_overrides: true, allowed_override_keys: []}
              b: {policy: {allow_overrides: true, limits: {ai-chat.ai-temperature: {max: 1}}, on_denied: ignore}}
            """
        let document = try #require(try yaml(text).documents.first)
        let written = OriginDocument(document, form: .strictYAML, masksKeys: true)
        #expect(written.notes.count == 7, "\(written.notes)")
        let read = String(decoding: written.yaml(), as: UTF8.self)
        #expect(read.contains("# not in this form: the default profile \"b\" cannot be told"))
        let again = try #require(try yaml(read, strict: true).documents.first)
        #expect(again.profiles.map(\.policy.allowOverrides) == [false, false])
    }

    @Test func `literal keys are written as three stars`() throws {
        let document = try #require(
            try yaml("slug: a\nprofiles: {p: {runtime: {step_settings_patch: {x: {openai-api-key: sk-1}}}}}").documents
                .first)
        let text = String(
            decoding: BundleWriter.encode(BundleWriter.document(of: [document]), as: .yaml), as: UTF8.self)
        #expect(text.contains("openai-api-key: \"***\""))
        #expect(!text.contains("sk-1"))
    }
}

/// Registries and values of every shape, from a seed.
private struct RegistryMaker {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func pick<Element>(_ list: [Element]) -> Element { list[number(0..<list.count)] }

    private mutating func slug() -> String {
        pick([
            "a", "agent", "default", "gemini-2.5-pro", "123", "no", "null", "1e5", "0x1f", "x_y.z", "on", "a--b",
            "9007199254740993",
        ])
    }

    private mutating func text() -> String {
        let pieces = [
            "", "no", "Null", "~", "true", "1.10", "0o17", "2026-02-23", "1_000", "- a", "a: b", "a:", "#x", " a", "a ",
            "\n", "\n\n",
            "a\nb", "a\nb\n", "a\n\nb\n\n", " a\nb", "a \nb", "\ta\n", "a\r\nb", "\u{0}", "\u{7F}", "\u{85}",
            "\u{2028}", "\u{FEFF}x",
            "é", "e\u{301}", "\u{1F600}", "'", "\"", "\\", "***", "<<", "{{name}}", "{a: 1}", "[x]", "&a", "*a", "!t",
            "|", ">", "%d",
            "@", "`", "---", "...", "You are an assistant. Be concise!", "secret:acme", "\u{FFFE}", "\u{E000}",
            "key: value\n# not a comment\n",
            "? x", ": x", "=", "x\u{A0}", String(repeating: "long ", count: 300),
        ]
        return (0..<number(1..<4)).map { _ in pick(pieces) }.joined(separator: chance(30) ? "\n" : "")
    }

    private mutating func jsonNumber() -> JSONValue {
        let spelled = pick([
            "0", "-0", "1", "-1", "1.10", "9007199254740993", "1e400", "1E-7", "-0.0", "123456789012345678901234567890",
        ])
        return JSONNumber(parsing: spelled).map(JSONValue.number) ?? .null
    }

    mutating func value(depth: Int) -> JSONValue {
        switch number(0..<(depth > 0 ? 9 : 6)) {
        case 0: return .null
        case 1: return .bool(chance(50))
        case 2: return jsonNumber()
        case 3, 4, 5: return .string(text())
        case 6: return .array((0..<number(0..<4)).map { _ in value(depth: depth - 1) })
        default: return .object(object(depth: depth))
        }
    }

    private mutating func object(depth: Int) -> JSONObject {
        var object = JSONObject()
        for _ in 0..<number(0..<4) {
            let key = chance(2) ? String(repeating: "k", count: number(900..<1200)) : text()
            object[key] = value(depth: depth - 1)
        }
        return object
    }

    private mutating func texts() -> [String] { (0..<number(0..<3)).map { _ in "t" + text() } }

    private mutating func layered<Value>(_ value: (inout RegistryMaker) -> Value) -> Layered<Value> {
        switch number(0..<4) {
        case 0: .inherited
        case 1: .cleared
        default: .set(value(&self))
        }
    }

    private mutating func profile(_ slug: ProfileSlug) -> Profile {
        var profile = Profile(slug: slug)
        profile.displayName = pick(["", "Name", "no", "7", "Ünï"])
        profile.description = pick(["", "a: b", "x\ny"])
        if chance(30) { profile.stack = (0..<number(1..<3)).map { _ in reference() } }
        profile.runtime.systemPrompt = layered { "p" + $0.text() }
        profile.runtime.tools = layered { $0.texts() }
        profile.runtime.middlewares = layered { maker in
            (0..<maker.number(0..<3)).map { index in
                MiddlewareUse(
                    name: "agentmode", id: maker.chance(50) ? "i\(index)" : nil,
                    enabled: maker.pick([nil, true, false]))
            }
        }
        profile.runtime.stepSettingsPatch = layered { maker in
            ["ai-chat": ["ai-engine": .string(maker.text()), "ai-temperature": .null], "n": ["x": maker.jsonNumber()]]
        }
        profile.runtime.variables = layered { maker in
            [
                .init(
                    name: "name",
                    variable: PromptVariable(kind: .string, required: maker.chance(50), default: .string(maker.text()))),
                .init(name: "on", variable: nil),
                .init(name: "size", variable: PromptVariable(kind: .integer, default: 7, description: "n: x")),
            ]
        }
        profile.policy = policy()
        profile.metadata = metadata()
        if chance(50) { profile.extensions["vendor.thing@v\(number(1..<9))"] = value(depth: 3) }
        if chance(30) { profile.extensions["app.note@v1"] = value(depth: 2) }
        return profile
    }

    private mutating func reference() -> ProfileReference {
        ProfileReference(
            registry: chance(50) ? RegistrySlug(normalised: slug()) : nil, profile: ProfileSlug(normalised: slug()))
    }

    private mutating func policy() -> OverridePolicy {
        var policy = OverridePolicy(allowOverrides: pick([nil, true, false]))
        policy.allowedOverrideKeys = pick([nil, [], ["system_prompt"], ["tools", "no"]])
        policy.deniedOverrideKeys = pick([[], ["middlewares"]])
        policy.readOnly = chance(20)
        policy.onDenied = pick([nil, .ignore, .reject])
        policy.passUnknown = pick([nil, true, false])
        if chance(30) {
            policy.limits["ai-chat.ai-temperature"] = SettingLimit(maximum: JSONNumber(parsing: "1.10"))
            policy.limits["ai-chat.ai-engine"] = SettingLimit(choices: [.string(text()), .null])
        }
        return policy
    }

    private mutating func metadata() -> ProfileMetadata {
        guard chance(70) else { return ProfileMetadata() }
        return ProfileMetadata(
            source: pick(["", "import", "no"]), version: UInt64(number(0..<9)), createdAtMs: 1_771_900_000_000,
            updatedAtMs: Int64(number(0..<5)), createdBy: pick(["", "ann", "12"]), updatedBy: text(), tags: texts())
    }

    mutating func registry() -> RegistryDocument {
        var profiles: [ProfileSlug: Profile] = [:]
        for _ in 0..<number(0..<4) {
            let slug = ProfileSlug(normalised: slug())
            profiles[slug] = profile(slug)
        }
        let registry = Registry(
            slug: RegistrySlug(normalised: slug()), displayName: pick(["", "Team", "1.10"]),
            description: pick(["", "two\nlines"]), defaultProfileSlug: profiles.keys.sorted().first,
            metadata: metadata())
        return RegistryDocument(registry: registry, profiles: Array(profiles.values))
    }
}
