import JSON
import Profiles
import Testing

@Suite struct StackTests {
    private func order(_ name: String, in tenant: TestTenant) throws -> [String] {
        try tenant.resolve(name).lineage.map { $0.id.registry == .default ? "\($0.id.profile)" : "\($0.id)" }
    }

    private func failure(_ name: String, in tenant: TestTenant) throws -> ValidationError {
        let error = try #require(throws: ResolutionError.self) { try tenant.resolve(name) }
        guard case .validation(let violation) = error else { throw error }
        return violation
    }

    @Test func `SK-1 base before leaf`() throws {
        let tenant = try TestTenant([
            "agent": #"{"stack":[{"profile_slug":"model"}]}"#, "model": #"{"stack":[{"profile_slug":"provider"}]}"#,
            "provider": "{}",
        ])
        #expect(try order("agent", in: tenant) == ["provider", "model", "agent"])
    }

    @Test func `SK-2 a profile reached twice keeps its first place`() throws {
        let tenant = try TestTenant([
            "agent": #"{"stack":[{"profile_slug":"model-a"},{"profile_slug":"model-b"},{"profile_slug":"provider"}]}"#,
            "model-a": #"{"stack":[{"profile_slug":"provider"}]}"#,
            "model-b": #"{"stack":[{"profile_slug":"provider"}]}"#, "provider": "{}",
        ])
        #expect(try order("agent", in: tenant) == ["provider", "model-a", "model-b", "agent"])
    }

    @Test func `a reference without registry means the registry of its holder`() throws {
        let tenant = try TestTenant([
            "agent": #"{"stack":[{"registry_slug":"shared","profile_slug":"base"}]}"#,
            "shared/base": #"{"stack":[{"profile_slug":"root"}]}"#, "shared/root": "{}", "root": "{}",
        ])
        #expect(try order("agent", in: tenant) == ["shared/root", "shared/base", "agent"])
    }

    @Test(arguments: [
        (1, "default/p0 -> default/p0", "p0"), (2, "default/p0 -> default/p1 -> default/p0", "p1"),
    ])
    func `SK-4 cycles are named`(_ length: Int, _ shown: String, _ holder: String) throws {
        var tenant = try TestTenant([:])
        for index in 0..<length {
            try tenant.add("p\(index)", "{\"stack\":[{\"profile_slug\":\"p\((index + 1) % length)\"}]}")
        }
        let error = try failure("p0", in: tenant)
        #expect(error.field == "registry.profiles[\(holder)].stack[0]")
        #expect(error.reason == "stack cycle detected: \(shown)")
    }

    @Test func `a cycle of 33 is refused as too deep, one of 31 as a cycle`() throws {
        for (length, reason) in [
            (33, "stack depth exceeds max_depth=32 while traversing"), (31, "stack cycle detected"),
        ] {
            var tenant = try TestTenant([:])
            for index in 0..<length {
                try tenant.add("p\(index)", "{\"stack\":[{\"profile_slug\":\"p\((index + 1) % length)\"}]}")
            }
            #expect(try failure("p0", in: tenant).reason.hasPrefix(reason))
        }
    }

    @Test func `SK-5 missing targets are named`() throws {
        let tenant = try TestTenant([
            "agent": #"{"stack":[{"profile_slug":"provider-openai"}]}"#,
            "other": #"{"stack":[{"profile_slug":"base"},{"registry_slug":"missing","profile_slug":"x"}]}"#,
            "base": "{}",
        ])
        let profile = try failure("agent", in: tenant)
        #expect(profile.field == "registry.profiles[agent].stack[0]")
        #expect(profile.reason == "referenced profile \"provider-openai\" not found in registry \"default\"")
        let registry = try failure("other", in: tenant)
        #expect(registry.field == "registry.profiles[other].stack[1]")
        #expect(registry.reason == "referenced registry \"missing\" not found")
    }

    @Test func `D35 32 layers on a path are fine and 33 are not, also through a profile seen before`() throws {
        func chain(_ length: Int) throws -> TestTenant {
            var tenant = try TestTenant(["p0": "{}"])
            for index in 1..<length {
                try tenant.add("p\(index)", "{\"stack\":[{\"profile_slug\":\"p\(index - 1)\"}]}")
            }
            return tenant
        }
        #expect(try chain(32).resolve("p31").lineage.count == 32)
        let error = try failure("p32", in: chain(33))
        #expect(error.reason.hasPrefix("stack depth exceeds max_depth=32 while traversing default/p32 -> default/p31"))
        #expect(error.field == "registry.profiles[p1].stack[0]")

        var memoised = try chain(31)
        try memoised.add("middle", #"{"stack":[{"profile_slug":"p30"}]}"#)
        try memoised.add("top", #"{"stack":[{"profile_slug":"p30"},{"profile_slug":"middle"}]}"#)
        #expect(try failure("top", in: memoised).reason.contains("default/top -> default/middle -> default/p30"))
    }

    @Test func `a stack of 1,024 layers is fine and one of 1,025 is not, whether they lie side by side or not`() throws
    {
        var tenant = try TestTenant([:])
        for index in 0..<1024 { try tenant.add("p\(index)", "{}") }
        func stack(of count: Int) -> String {
            "{\"stack\":[" + (0..<count).map { "{\"profile_slug\":\"p\($0)\"}" }.joined(separator: ",") + "]}"
        }
        try tenant.add("all", stack(of: 1023))
        #expect(try tenant.resolve("all").lineage.count == 1024)
        try tenant.add("more", stack(of: 1024))
        let wide = try failure("more", in: tenant)
        #expect(wide.field == "registry.profiles[more].stack[1023]")
        #expect(wide.reason == "the stack comes to more than 1024 layers")
        try tenant.add("over", #"{"stack":[{"profile_slug":"all"}]}"#)
        #expect(try failure("over", in: tenant).field == "registry.profiles[all].stack[1022]")
    }

    @Test func `MG-1 parts merge by their rules`() throws {
        let tenant = try TestTenant([
            "base": #"""
            {"runtime":{"system_prompt":"base prompt","tools":["calculator"],
             "step_settings_patch":{"ai-chat":{"ai-engine":"gpt","ai-temperature":0.2}},
             "middlewares":[{"name":"agentmode","id":"planner"},{"name":"logger"}]},
             "extensions":{"middleware.agentmode_config@v1":{"instances":{"id:planner":{"m":"plan"}}},
             "middleware.logger_config@v1":{"instances":{"index:1":{"level":"info"}}},"a.b@v1":{"x":{"y":1,"l":[1,2]}}}}
            """#,
            "leaf": #"""
            {"stack":[{"profile_slug":"base"}],"runtime":{"system_prompt":"  ","tools":["search"],
             "step_settings_patch":{"ai-chat":{"ai-temperature":0.8},"ai-client":{"timeout":5}},
             "middlewares":[{"name":"logger"},{"name":"agentmode","id":"planner"},{"name":"telemetry","id":"trace"}]},
             "extensions":{"middleware.agentmode_config@v1":{"instances":{"id:planner":{"m":"act"}}},
             "middleware.logger_config@v1":{"instances":{"index:0":{"level":"debug"}}},"a.b@v1":{"x":{"z":2,"l":[3]}}}}
            """#,
        ])
        let effective = try tenant.resolve("leaf").effective
        #expect(effective.systemPrompt == "base prompt")
        #expect(effective.tools == ["search"])
        #expect(
            JSONValue.object(effective.stepSettings).text
                == #"{"ai-chat":{"ai-engine":"gpt","ai-temperature":0.8},"ai-client":{"timeout":5}}"#)
        #expect(effective.middlewares.map(\.name) == ["agentmode", "logger", "telemetry"])
        #expect(effective.middlewares.map(\.config) == [["m": "act"], ["level": "debug"], [:]])
        #expect(effective.extensions == ["a.b@v1": ["x": ["y": 1, "l": [3], "z": 2]]])
    }

    /// What a leaf clears of a base that says everything (D32), as JSON of the effective document.
    @Test(arguments: [
        (#"{"system_prompt":null}"#, "system_prompt", "null"), (#"{"system_prompt":""}"#, "system_prompt", "\"P\""),
        (#"{"tools":null}"#, "tools", "null"), (#"{"tools":[]}"#, "tools", "[]"), (#"{}"#, "tools", "[\"t\"]"),
        (#"{"middlewares":null}"#, "middlewares", "[]"), (#"{"middlewares":[]}"#, "middlewares", "[]"),
        (
            #"{"middlewares":[{"name":"m","enabled":false}]}"#, "middlewares",
            #"[{"name":"m","id":"i","enabled":false}]"#
        ),
        (#"{"step_settings_patch":null}"#, "step_settings", "{}"),
        (#"{"step_settings_patch":{}}"#, "step_settings", #"{"ai-chat":{"ai-engine":"e","ai-temperature":0.5}}"#),
        (#"{"step_settings_patch":{"ai-chat":null}}"#, "step_settings", "{}"),
        (
            #"{"step_settings_patch":{"ai-chat":{"ai-engine":null}}}"#, "step_settings",
            #"{"ai-chat":{"ai-temperature":0.5}}"#
        ),
    ])
    func `D32 null and an empty list clear what a base says`(_ runtime: String, _ key: String, _ expected: String)
        throws
    {
        let tenant = try TestTenant([
            "base": #"""
            {"runtime":{"system_prompt":"P","tools":["t"],"middlewares":[{"name":"m","id":"i"}],
             "step_settings_patch":{"ai-chat":{"ai-engine":"e","ai-temperature":0.5}}}}
            """#,
            "leaf": "{\"stack\":[{\"profile_slug\":\"base\"}],\"runtime\":\(runtime)}",
        ])
        #expect(try tenant.resolve("leaf").effective.document()[key]?.text == expected)
    }

    @Test func `an extension is cleared by null`() throws {
        let tenant = try TestTenant([
            "base": #"{"extensions":{"a.b@v1":{"x":1},"c.d@v1":2}}"#,
            "leaf": #"{"stack":[{"profile_slug":"base"}],"extensions":{"a.b@v1":null}}"#,
        ])
        #expect(try tenant.resolve("leaf").effective.extensions == ["c.d@v1": 2])
    }

    @Test func `D34 middlewares without ids merge by their name wherever they stand, and D30 repeat only alone`() throws
    {
        var tenant = try TestTenant([
            "twice": #"{"runtime":{"middlewares":[{"name":"m"},{"name":"m"}]}}"#,
            "once": #"{"runtime":{"middlewares":[{"name":"x"},{"name":"m"}]}}"#,
            "named": #"{"stack":[{"profile_slug":"once"}],"runtime":{"middlewares":[{"name":"m","id":"n"}]}}"#,
            "split":
                #"{"stack":[{"profile_slug":"once"}],"runtime":{"middlewares":[{"name":"m","id":"a"},{"name":"m","id":"b"}]}}"#,
            "other": #"{"stack":[{"profile_slug":"twice"}],"runtime":{"middlewares":[{"name":"y"}]}}"#,
        ])
        #expect(try tenant.resolve("twice").effective.middlewares.count == 2)
        #expect(try tenant.resolve("other").effective.middlewares.map(\.name) == ["m", "m", "y"])
        let named = try tenant.resolve("named").effective.middlewares
        #expect(named.map(\.name) == ["x", "m"] && named.map(\.id) == [nil, "n"])
        #expect(try tenant.resolve("split").effective.middlewares.map(\.id) == [nil, nil, "a", "b"])
        try tenant.add(
            "bad", #"{"stack":[{"profile_slug":"twice"}],"runtime":{"middlewares":[{"name":"y"},{"name":"m"}]}}"#)
        let error = try failure("bad", in: tenant)
        #expect(error.field == "runtime.middlewares[1].id")
        #expect(error.reason == "middleware \"m\" is used more than once in the stack; give each use an id")
    }

    @Test(arguments: [
        // (base policy, leaf policy, effective)
        (
            #"{"allow_overrides":true,"allowed_override_keys":["system_prompt","tools"]}"#,
            #"{"allow_overrides":true,"read_only":true,"allowed_override_keys":["tools","step_settings_patch"],"denied_override_keys":["middlewares","TOOLS"]}"#,
            #"{"allow_overrides":true,"allowed_override_keys":[],"denied_override_keys":["middlewares","tools"],"read_only":true}"#
        ),
        (
            #"{"allow_overrides":false}"#, #"{"allow_overrides":true}"#,
            #"{"allow_overrides":false,"read_only":false}"#
        ),
        ("{}", #"{"allow_overrides":true}"#, #"{"allow_overrides":true,"read_only":false}"#),
        (
            #"{"allow_overrides":true,"on_denied":"ignore","pass_unknown":false}"#,
            #"{"on_denied":"reject","pass_unknown":true}"#,
            #"{"allow_overrides":true,"read_only":false,"on_denied":"reject","pass_unknown":false}"#
        ),
        (
            #"{"limits":{"ai-chat.ai-temperature":{"min":0.1,"max":1.0},"ai-chat.ai-engine":{"enum":["a","b"]}}}"#,
            #"{"limits":{"ai-chat.ai-temperature":{"min":0.2,"max":1.5},"ai-chat.ai-engine":{"enum":["b","c"]},"openai-chat.openai-n":{"max":2}}}"#,
            #"{"allow_overrides":false,"read_only":false,"limits":{"ai-chat.ai-engine":{"enum":["b"]},"ai-chat.ai-temperature":{"min":0.2,"max":1.0},"openai-chat.openai-n":{"max":2}}}"#
        ),
    ])
    func `MG-3 policies merge to the narrowest`(_ base: String, _ leaf: String, _ merged: String) throws {
        let tenant = try TestTenant([
            "base": "{\"policy\":\(base)}", "leaf": "{\"stack\":[{\"profile_slug\":\"base\"}],\"policy\":\(leaf)}",
        ])
        #expect(try tenant.resolve("leaf").effective.policy.document(always: true).text == merged)
    }

    @Test func `D31 an empty intersection allows nothing`() throws {
        let tenant = try TestTenant([
            "base": #"{"policy":{"allow_overrides":true,"allowed_override_keys":["tools"]}}"#,
            "leaf":
                #"{"stack":[{"profile_slug":"base"}],"policy":{"allow_overrides":true,"allowed_override_keys":["system_prompt"]}}"#,
        ])
        for overrides in [
            #"{"tools":[]}"#, #"{"system_prompt":"x"}"#, #"{"middlewares":[]}"#, #"{"step_settings_patch":{}}"#,
        ] {
            let error = try #require(throws: ResolutionError.self) { try tenant.resolve("leaf", overrides: overrides) }
            guard case .policy = error else {
                Issue.record("expected a policy violation, got \(error)")
                continue
            }
        }
    }

    @Test func `TR-1 TR-3 D36 the trace names every layer, and the request last`() throws {
        let tenant = try TestTenant([
            "shared/base":
                #"{"runtime":{"system_prompt":"base","step_settings_patch":{"ai-chat":{"ai-engine":"m"}}},"policy":{"allow_overrides":true},"metadata":{"version":7}}"#,
            "agent":
                #"{"stack":[{"registry_slug":"shared","profile_slug":"base"}],"runtime":{"system_prompt":"agent","step_settings_patch":{"ai-chat":{"ai-engine":null}}},"policy":{"allow_overrides":true},"metadata":{"version":3}}"#,
        ])
        let resolved = try tenant.resolve(
            "agent", overrides: #"{"systemPrompt":"mine"}"#, base: ["ai-chat": ["ai-engine": "base-engine"]],
            explains: true)
        #expect(
            resolved.trace?.document().text
                == #"[{"path":"/policy/allow_overrides","value":true,"steps":[{"layer":"shared/base@7","value":true},{"layer":"default/agent@3","value":true}]},{"path":"/runtime/step_settings_patch/ai-chat/ai-engine","value":null,"steps":[{"layer":"config","value":"base-engine"},{"layer":"shared/base@7","value":"m"},{"layer":"default/agent@3","value":null}]},{"path":"/runtime/system_prompt","value":"mine","steps":[{"layer":"shared/base@7","value":"base"},{"layer":"default/agent@3","value":"agent"},{"layer":"request","value":"mine"}]}]"#
        )
        #expect(
            resolved.document(isFull: true)["lineage"]?.text
                == #"[{"registry_slug":"shared","profile_slug":"base","version":7},{"registry_slug":"default","profile_slug":"agent","version":3}]"#
        )
        #expect(try tenant.resolve("agent").trace == nil)
    }

    @Test func `a lower layer that forbids wins in the trace too`() throws {
        let tenant = try TestTenant([
            "base": #"{"policy":{"allow_overrides":false}}"#,
            "agent": #"{"stack":[{"profile_slug":"base"}],"policy":{"allow_overrides":true}}"#,
        ])
        let entry = try #require(try tenant.resolve("agent", explains: true).trace?["/policy/allow_overrides"])
        #expect(entry.value == false && entry.steps.map(\.value) == [false, true])
    }

    @Test func `FP-1 FP-3 fingerprints change with any layer's version, order, override and upstream`() throws {
        func tenant(_ base: Int, stack: String = #"[{"profile_slug":"base"},{"profile_slug":"two"}]"#) throws
            -> TestTenant
        {
            try TestTenant([
                "base": "{\"metadata\":{\"version\":\(base)}}", "two": "{}",
                "agent":
                    "{\"stack\":\(stack),\"policy\":{\"allow_overrides\":true},\"runtime\":{\"system_prompt\":\"p\"}}",
            ])
        }
        let first = try tenant(1).resolve("agent").fingerprint
        #expect(try tenant(1).resolve("agent", overrides: "{}").fingerprint == first)
        #expect(try tenant(2).resolve("agent").fingerprint != first)
        #expect(
            try tenant(1, stack: #"[{"profile_slug":"two"},{"profile_slug":"base"}]"#).resolve("agent").fingerprint
                != first)
        #expect(try tenant(1).resolve("agent", overrides: #"{"tools":[]}"#).fingerprint != first)
        let other = try Resolver { _ in "openai" }.resolve(TestTenant.id("agent"), in: tenant(1))
        #expect(other.fingerprint != first)
    }
}
