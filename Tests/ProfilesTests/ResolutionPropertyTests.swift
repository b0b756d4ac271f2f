import GatewayTestSupport
import JSON
import Profiles
import Testing

/// Properties of resolution over random tenants; the seed makes every run the same.
@Suite struct ResolutionPropertyTests {
    private struct Counts {
        var resolved = 0
        var overridden = 0
        var refused = 0
    }

    private static let tenants = 2_000
    private static let names = ["a", "b", "c", "d", "e", "f"]
    private static let overrideSamples = [
        #"{"system_prompt":"mine"}"#, #"{"tools":["t9"]}"#, #"{"middlewares":[]}"#,
        #"{"step_settings_patch":{"ai-chat":{"ai-engine":"z"}}}"#,
        #"{"step_settings_patch":{"ai-chat":{"ai-temperature":0.9}}}"#,
    ]

    @Test(.timeLimit(.minutes(5))) func `100,000 random resolutions keep every promise`() throws {
        var random = SeededRandom(seed: 0x5EED)
        var cases = 0
        var counts = Counts()
        for _ in 0..<Self.tenants {
            let tenant = try randomTenant(names: Self.names, using: &random)
            for name in Self.names {
                cases += try check(name, in: tenant, using: &random, &counts)
            }
        }
        #expect(cases >= 100_000)
        // Enough random stacks and overrides must really be accepted, or the properties would be about nothing.
        #expect(counts.resolved > Self.tenants * Self.names.count / 2)
        #expect(counts.overridden > 10_000 && counts.refused > 10_000)
    }

    private func check(
        _ name: String, in tenant: TestTenant, using random: inout SeededRandom, _ counts: inout Counts
    ) throws -> Int {
        var cases = 1
        guard let plain = try outcome(name, "{}", in: tenant, explains: true) else { return cases }
        counts.resolved += 1
        // Deterministic, and a trace changes nothing.
        let again = try #require(try outcome(name, "{}", in: tenant, explains: false))
        #expect(again.fingerprint == plain.fingerprint)
        #expect(again.effective == plain.effective)
        try replay(plain)
        cases += 2
        for overrides in Self.overrideSamples {
            cases += 1
            let key = try #require(try JSONValue(parsing: overrides).objectValue?.keys.first)
            let denial = denyingLayer(of: key, in: plain.lineage, tenant)
            guard let changed = try outcome(name, overrides, in: tenant, explains: true) else {
                counts.refused += 1
                continue
            }
            #expect(denial == nil, "\(denial ?? "") denies \(key), and yet it was allowed")
            #expect((changed.fingerprint == plain.fingerprint) == (changed.effective == plain.effective))
            try replay(changed)
            counts.overridden += 1
        }
        // Any layer's version is part of the fingerprint.
        if let layer = plain.lineage.randomElement(using: &random) {
            var touched = tenant
            touched.profiles[layer.id]?.metadata.version += 1
            #expect(try outcome(name, "{}", in: touched, explains: false)?.fingerprint != plain.fingerprint)
            cases += 1
        }
        return cases
    }

    /// nil where the stack or the policy refuses; anything else is a failure.
    private func outcome(_ name: String, _ overrides: String, in tenant: TestTenant, explains: Bool) throws
        -> ResolvedProfile?
    {
        do { return try tenant.resolve(name, overrides: overrides, explains: explains) } catch let error
            as ResolutionError
        {
            switch error {
            case .validation(let violation):
                #expect(violation.field.contains(".stack[") || violation.field.hasSuffix(".id"), "\(violation)")
                return nil
            case .policy: return nil
            case .profileNotFound, .registryNotFound: throw error
            }
        }
    }

    /// The layer that forbids an override by its own words, if one does.
    private func denyingLayer(of key: String, in lineage: [LineageEntry], _ tenant: TestTenant) -> String? {
        lineage.first { layer in
            guard let policy = tenant.profile(layer.id)?.policy else { return false }
            if policy.allowOverrides == false { return true }
            if policy.deniedOverrideKeys.map(OverrideKey.canonicalised).contains(key) { return true }
            return policy.allowedOverrideKeys.map { !$0.map(OverrideKey.canonicalised).contains(key) } ?? false
        }?.label
    }

    /// Taking the last step of every path yields the effective runtime, part by part.
    private func replay(_ resolved: ResolvedProfile) throws {
        let trace = try #require(resolved.trace)
        var settings: JSONObject = [:]
        var extensions: [String: JSONValue] = [:]
        var prompt = JSONValue.null
        var tools = JSONValue.null
        var middlewares: [String: JSONValue] = [:]
        for entry in trace.entries {
            let last = try #require(entry.steps.last)
            let parts = entry.path.split(separator: "/").map(String.init)
            switch parts[0] {
            case "policy": continue
            case "extensions": extensions[entry.path] = entry.value
            default:
                switch parts[1] {
                case "system_prompt": prompt = last.value
                case "tools": tools = last.value
                case "middlewares": middlewares[parts[2]] = last.value.isNull ? nil : last.value
                default:
                    if last.value.isNull { continue }
                    settings.mutateObject(parts[2]) { $0[parts[3]] = last.value }
                }
            }
            #expect(last.value == entry.value, "\(entry)")
        }
        let effective = resolved.effective.document()
        #expect(
            resolved.fingerprint
                == Fingerprint.of([
                    "lineage": .array(resolved.lineage.map { $0.document() }), "effective": effective,
                    "upstream": .string(resolved.upstream),
                ]))
        #expect(effective["step_settings"] == .object(settings))
        #expect(effective["system_prompt"] == prompt)
        #expect(effective["tools"] == tools)
        #expect(resolved.effective.middlewares.count == middlewares.count)
        #expect(leaves(of: resolved.effective.extensions) == extensions.filter { !$0.value.isNull })
    }

    /// Every leaf of the extensions by its pointer; empty objects and arrays are leaves.
    private func leaves(of extensions: JSONObject) -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        func visit(_ value: JSONValue, _ path: String) {
            guard case .object(let members) = value, !members.isEmpty else {
                found[path] = value
                return
            }
            for (key, member) in members { visit(member, "\(path)/\(key)") }
        }
        for (key, value) in extensions { visit(value, "/extensions/\(key)") }
        return found
    }
}

/// Random profiles whose stacks refer to one another freely, cycles and missing ones included.
private func randomDocument(of name: String, _ names: [String], using random: inout SeededRandom) -> String {
    func maybe(_ chance: Int, _ text: @autoclosure () -> String) -> String? {
        Int.random(in: 0..<100, using: &random) < chance ? text() : nil
    }
    func pick(_ choices: [String]) -> String { choices[Int.random(in: 0..<choices.count, using: &random)] }
    // Mostly downward references, so that most stacks resolve; some upward ones make cycles.
    let lower = names.filter { $0 < name }
    let pool = Int.random(in: 0..<100, using: &random) < 6 ? names + ["gone"] : lower
    let stack = (0..<Int.random(in: 0...2, using: &random)).compactMap { _ in
        pool.isEmpty ? nil : "{\"profile_slug\":\"\(pick(pool))\"}"
    }
    let settings = maybe(
        60,
        pick([
            #"{"ai-chat":{"ai-engine":"\#(name)"}}"#,
            #"{"ai-chat":{"ai-engine":null,"ai-temperature":0.\#(Int.random(in: 1...9, using: &random))}}"#,
            #"{"ai-chat":null,"ai-client":{"timeout":"7"}}"#, "null", #"{"ai-client":{"timeout":3.0}}"#,
        ]))
    let runtime = [
        settings.map { "\"step_settings_patch\":\($0)" },
        maybe(50, "\"system_prompt\":" + pick(["\"p-\(name)\"", "null", "\" \""])),
        maybe(40, "\"tools\":" + pick(["[]", "null", "[\"t-\(name)\"]"])),
        maybe(
            50,
            "\"middlewares\":"
                + pick([
                    "[]", "null", #"[{"name":"m"}]"#, #"[{"name":"m","id":"1"},{"name":"n"}]"#,
                    #"[{"name":"n"},{"name":"m","id":"1","enabled":false}]"#,
                ])),
    ].compactMap(\.self)
    let keys = ["system_prompt", "tools", "middlewares", "step_settings_patch"]
    let denied = pick(keys)
    let allowed = [pick(keys), pick(keys)].filter { $0 != denied }.map { "\"\($0.uppercased())\"" }
    let policy = [
        maybe(75, "\"allow_overrides\":" + pick(["true", "true", "true", "false"])),
        maybe(25, "\"allowed_override_keys\":[\(allowed.joined(separator: ","))]"),
        maybe(20, "\"denied_override_keys\":[\"\(denied.uppercased())\"]"),
        maybe(10, "\"limits\":{\"ai-chat.ai-temperature\":{\"max\":\(pick(["0.5", "1.0"]))}}"),
    ].compactMap(\.self)
    let extensions = maybe(
        40,
        pick([
            #"{"a.b@v1":{"x":{"\#(name)":1}}}"#, #"{"a.b@v1":{"x":[]}}"#, #"{"a.b@v1":null}"#, #"{"a.b@v1":{"x":{}}}"#,
        ]))
    return """
        {"metadata":{"version":\(Int.random(in: 1...9, using: &random))},"stack":[\(stack.joined(separator: ","))],\
        "runtime":{\(runtime.joined(separator: ","))},"policy":{\(policy.joined(separator: ","))},\
        "extensions":\(extensions ?? "{}")}
        """
}

private func randomTenant(names: [String], using random: inout SeededRandom) throws -> TestTenant {
    var tenant = try TestTenant([:])
    for name in names { try tenant.add(name, randomDocument(of: name, names, using: &random)) }
    return tenant
}
