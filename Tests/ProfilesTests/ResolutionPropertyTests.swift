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
        var reordered = 0
        var bounded = 0
    }

    private static let tenants = 1_500
    private static let names = ["a", "b", "c", "d", "e", "f"]
    private static let overrideSamples = [
        #"{"system_prompt":"mine"}"#, #"{"tools":["t9"]}"#, #"{"middlewares":[]}"#,
        #"{"step_settings_patch":{"ai-chat":{"ai-engine":"z"}}}"#,
        #"{"step_settings_patch":{"ai-chat":{"ai-temperature":0.9}}}"#,
        #"{"step_settings_patch":{"ai-inference":{"inference-temperature":0.7}}}"#,
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
        #expect(cases >= 100_000, "\(cases)")
        // Enough random stacks and overrides must really be accepted, or the properties would be about nothing.
        #expect(counts.resolved > Self.tenants * Self.names.count / 2)
        #expect(counts.overridden > 10_000 && counts.refused > 10_000)
        #expect(counts.reordered > 500 && counts.bounded > 500, "\(counts)")
    }

    private func check(
        _ name: String, in tenant: TestTenant, using random: inout SeededRandom, _ counts: inout Counts
    ) throws -> Int {
        var cases = 1
        guard case .resolved(let plain) = try outcome(name, "{}", in: tenant, explains: true) else { return cases }
        counts.resolved += 1
        // Deterministic, a trace changes nothing, and asking for nothing is as good as not asking.
        let again = try #require(try outcome(name, nil, in: tenant, explains: false).value)
        #expect(again.fingerprint == plain.fingerprint)
        #expect(again.effective == plain.effective)
        #expect(again.document(isFull: true).canonical() == plain.untraced.canonical())
        try replay(plain)
        cases += 2
        for overrides in Self.overrideSamples {
            cases += 1
            let policies = plain.lineage.compactMap { tenant.profile($0.id)?.policy }
            let denial = try Denial(of: overrides, by: policies)
            let changed: ResolvedProfile
            switch try outcome(name, overrides, in: tenant, explains: true) {
            case .resolved(let resolved): changed = resolved
            case .refused:
                #expect(denial != nil, "no layer denies \(overrides), and yet it was refused")
                counts.refused += 1
                if denial == .bounds { counts.bounded += 1 }
                continue
            case .unresolvable:
                Issue.record("\(overrides) makes a stack unresolvable")
                continue
            }
            #expect(denial == nil, "a layer denies \(overrides), and yet it was allowed")
            #expect((changed.fingerprint == plain.fingerprint) == (changed.effective == plain.effective))
            try replay(changed)
            counts.overridden += 1
        }
        cases += try touch(plain, name, in: tenant, using: &random, &counts)
        return cases
    }

    /// Version, policy and order of any layer are part of the fingerprint.
    private func touch(
        _ plain: ResolvedProfile, _ name: String, in tenant: TestTenant, using random: inout SeededRandom,
        _ counts: inout Counts
    ) throws -> Int {
        guard let layer = plain.lineage.randomElement(using: &random) else { return 0 }
        func fingerprint(_ change: (inout Profile) -> Void) throws -> String? {
            var touched = tenant
            if var profile = touched.profiles[layer.id] {
                change(&profile)
                touched.profiles[layer.id] = profile
            }
            return try outcome(name, "{}", in: touched, explains: false).value?.fingerprint
        }
        let version = try #require(try fingerprint { $0.metadata.version += 1 })
        #expect(version != plain.fingerprint)
        // A key that no random policy has, so that the merged one must become another.
        let denied = try #require(try fingerprint { $0.policy.deniedOverrideKeys.append("denied-anew") })
        #expect(denied != plain.fingerprint)
        let bounded = try #require(
            try fingerprint { $0.policy.limits["openai-chat.openai-n"] = SettingLimit(maximum: JSONNumber(2)) })
        #expect(bounded != plain.fingerprint && bounded != denied)

        var turned = tenant
        let forked = plain.lineage.filter { Set(tenant.profile($0.id)?.stack.map(\.profile) ?? []).count > 1 }
        guard let fork = forked.randomElement(using: &random) else { return 3 }
        turned.profiles[fork.id]?.stack.reverse()
        guard let other = try outcome(name, "{}", in: turned, explains: false).value else { return 3 }
        let isSame = other.lineage == plain.lineage
        #expect((other.fingerprint == plain.fingerprint) == isSame)
        if isSame { #expect(other.effective == plain.effective) } else { counts.reordered += 1 }
        return 4
    }

    private enum Outcome {
        case resolved(ResolvedProfile)
        /// By the policy.
        case refused
        /// The stack has a cycle, a hole, or uses that cannot be told apart.
        case unresolvable

        var value: ResolvedProfile? { if case .resolved(let resolved) = self { resolved } else { nil } }
    }

    /// - Parameter overrides: nil: the request has none.
    private func outcome(
        _ name: String, _ overrides: String?, in tenant: TestTenant, explains: Bool
    ) throws -> Outcome {
        do {
            guard let overrides else {
                let id = TestTenant.id(name)
                let profile = try #require(tenant.profile(id))
                return .resolved(
                    try Resolver(baseSettings: [:]) { _ in "echo" }.resolve(id, profile, in: tenant, explains: explains)
                )
            }
            return .resolved(try tenant.resolve(name, overrides: overrides, explains: explains))
        } catch let error as ResolutionError {
            switch error {
            case .validation(let violation):
                #expect(violation.field.contains(".stack[") || violation.field.hasSuffix(".id"), "\(violation)")
                return .unresolvable
            case .policy: return .refused
            case .profileNotFound, .registryNotFound: throw error
            }
        }
    }

    /// Replaying what every layer said yields the effective runtime, part by part: the last word holds, and of policies
    /// the strictest.
    private func replay(_ resolved: ResolvedProfile) throws {
        let trace = try #require(resolved.trace)
        let layers = ["config"] + resolved.lineage.map(\.label) + ["request"]
        var settings: JSONObject = [:]
        var extensions: [String: JSONValue] = [:]
        var prompt = JSONValue.null
        var tools = JSONValue.null
        var middlewares: [String: JSONValue] = [:]
        var order: [String] = []
        var variables: JSONObject = [:]
        var policy = PolicyReplay()
        for entry in trace.entries {
            let last = try #require(entry.steps.last)
            let places = entry.steps.compactMap { step in layers.firstIndex(of: step.layer) }
            #expect(places.count == entry.steps.count && places == places.sorted(), "\(entry)")
            let parts = entry.path.split(separator: "/").map(String.init)
            switch parts[0] {
            case "policy":
                policy.replay(entry, under: parts.dropFirst().joined(separator: "/"))
                continue
            case "extensions": extensions[entry.path] = entry.value
            default:
                switch parts[1] {
                case "system_prompt": prompt = last.value
                case "tools": tools = last.value
                case "variables": variables[parts[2]] = last.value.isNull ? nil : last.value
                case "middlewares" where parts.count == 2:
                    order = try #require(last.value.arrayValue).compactMap(\.stringValue)
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
        #expect(effective["middlewares"] == .array(order.map { middlewares[$0] ?? "missing" }))
        #expect(middlewares.count == order.count)
        #expect(effective["variables"] ?? [:] == .object(variables))
        #expect(effective["policy"]?.canonical() == policy.document.canonical())
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

extension ResolvedProfile {
    /// The answer without its trace.
    fileprivate var untraced: JSONValue {
        var document = document(isFull: true).objectValue ?? [:]
        document.removeValue(forKey: "trace")
        return .object(document)
    }
}
