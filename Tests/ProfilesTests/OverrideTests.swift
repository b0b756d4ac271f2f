import JSON
import Profiles
import Testing

@Suite struct OverrideTests {
    private func tenant(policy: String = #"{"allow_overrides":true}"#) throws -> TestTenant {
        try TestTenant([
            "agent": #"""
            {"runtime":{"system_prompt":"P","tools":["calculator"],"middlewares":[{"name":"agentmode","id":"a"}],
             "step_settings_patch":{"ai-chat":{"ai-engine":"m","ai-temperature":0.5}}},"policy":\#(policy),
             "extensions":{"middleware.agentmode_config@v1":{"instances":{"id:a":{"default_mode":"chat"}}}}}
            """#
        ])
    }

    @Test func `RS-5 allowed overrides win over profile and base`() throws {
        let effective = try tenant().resolve(
            "agent",
            overrides: #"""
                {"system-prompt":"mine","TOOLS":["search"],"middlewares":[{"name":"agentmode","config":{"default_mode":"x"}}],
                 "stepSettingsPatch":{" ai-chat ":{"ai-engine":"other","ai-temperature":"0.25","ai-stop":["a"]}}}
                """#
        ).effective
        #expect(effective.systemPrompt == "mine")
        #expect(effective.tools == ["search"])
        #expect(effective.middlewares == [EffectiveMiddleware(name: "agentmode", config: ["default_mode": "x"])])
        #expect(
            JSONValue.object(effective.stepSettings).text
                == #"{"ai-chat":{"ai-engine":"other","ai-temperature":0.25,"ai-stop":["a"]}}"#)
    }

    @Test func `overrides can clear, and a use without config keeps the profile's`() throws {
        let effective = try tenant().resolve(
            "agent",
            overrides:
                #"{"system_prompt":"","tools":[],"middlewares":[{"name":"agentmode","id":"a","enabled":false}],"step_settings_patch":{"ai-chat":{"ai-temperature":null}}}"#
        ).effective
        #expect(effective.systemPrompt == nil)
        #expect(effective.tools == [])
        #expect(
            effective.middlewares
                == [EffectiveMiddleware(name: "agentmode", id: "a", isEnabled: false, config: ["default_mode": "chat"])]
        )
        #expect(effective.stepSettings == ["ai-chat": ["ai-engine": "m"]])
    }

    /// Every row of origin 4.3: overrides that are malformed, with field and reason.
    @Test(arguments: [
        (#"{" ":1}"#, "request_overrides", "override keys must not be empty"),
        (
            #"{"system_prompt":"a","systemPrompt":"b"}"#, "request_overrides.system_prompt",
            "duplicate override key after canonicalization"
        ),
        (#"{"temperature":1}"#, "request_overrides.temperature", "unsupported override key"),
        (#"{"step_mode":true}"#, "request_overrides.step_mode", "unsupported override key"),
        (#"{"system_prompt":7}"#, "request_overrides.system_prompt", "must be a string"),
        (#"{"system_prompt":null}"#, "request_overrides.system_prompt", "must be a string"),
        (#"{"middlewares":{}}"#, "request_overrides.middlewares", "must be an array"),
        (#"{"middlewares":[1]}"#, "request_overrides.middlewares[0]", "must be an object"),
        (#"{"middlewares":[{"name":" "}]}"#, "request_overrides.middlewares[0].name", "must not be empty"),
        (
            #"{"middlewares":[{"name":"agentmode","id":" "}]}"#, "request_overrides.middlewares[0].id",
            "must not be empty"
        ),
        (#"{"middlewares":[{"name":"agentmode","id":5}]}"#, "request_overrides.middlewares[0].id", "must not be empty"),
        (
            #"{"middlewares":[{"name":"agentmode","enabled":1}]}"#, "request_overrides.middlewares[0].enabled",
            "must be a boolean"
        ),
        (
            #"{"middlewares":[{"name":"agentmode","id":"x"},{"name":"agentmode","id":"x"}]}"#,
            "request_overrides.middlewares[1].id",
            "duplicate middleware instance id \"x\" (first seen at request_overrides.middlewares[0].id)"
        ),
        (#"{"middlewares":[{"name":"nope"}]}"#, "request_overrides.middlewares[0].name", "unknown middleware \"nope\""),
        (
            #"{"middlewares":[{"name":"agentmode","config":1}]}"#, "request_overrides.middlewares[0].config",
            "must be an object"
        ),
        (
            #"{"middlewares":[{"name":"agentmode","config":{"default_mode":1}}]}"#,
            "request_overrides.middlewares[0].config", "default_mode: must be a string, not a number"
        ),
        (#"{"tools":"x"}"#, "request_overrides.tools", "must be an array"),
        (#"{"tools":["a",1]}"#, "request_overrides.tools[1]", "must be a string"),
        (#"{"tools":[" "]}"#, "request_overrides.tools[0]", "must not be empty"),
        (#"{"step_settings_patch":[]}"#, "request_overrides.step_settings_patch", "must be an object"),
        (
            #"{"step_settings_patch":{"ai-chat":1}}"#, "request_overrides.step_settings_patch.ai-chat",
            "must be an object"
        ),
        (
            #"{"step_settings_patch":{"ai-chat":{"ai-temperature":"hot"}}}"#,
            "request_overrides.step_settings_patch.ai-chat.ai-temperature", "must be a number from 0.0 to 2.0"
        ),
        (
            #"{"step_settings_patch":{"ai-chat":{"nope":1}}}"#, "request_overrides.step_settings_patch.ai-chat.nope",
            "unknown setting \"nope\""
        ),
    ])
    func `D27 RS-8 malformed overrides are refused by path`(_ overrides: String, _ field: String, _ reason: String)
        throws
    {
        let error = try #require(throws: ResolutionError.self) { try tenant().resolve("agent", overrides: overrides) }
        #expect(error == .validation(ValidationError(field: field, reason: reason)))
    }

    @Test(arguments: [
        (
            "RS-6", #"{"allow_overrides":false}"#, #"{"tools":[]}"#, "request_overrides.tools",
            "request overrides are disabled for this profile"
        ),
        (
            "CH-11", "{}", #"{"system_prompt":"x"}"#, "request_overrides.system_prompt",
            "profile does not allow engine overrides"
        ),
        (
            "RS-7",
            #"{"allow_overrides":true,"allowed_override_keys":["system_prompt"],"denied_override_keys":["tools"]}"#,
            #"{"tools":[]}"#, "request_overrides.tools", "override key \"tools\" is denied"
        ),
        (
            "RS-7", #"{"allow_overrides":true,"allowed_override_keys":["system_prompt"]}"#, #"{"middlewares":[]}"#,
            "request_overrides.middlewares", "override key \"middlewares\" is not allowed"
        ),
        (
            "D29", #"{"allow_overrides":true,"denied_override_keys":["TOOLS"]}"#, #"{"tools":[]}"#,
            "request_overrides.tools", "override key \"tools\" is denied"
        ),
        (
            "policy before types", #"{"allow_overrides":true,"denied_override_keys":["tools"]}"#,
            #"{"tools":7,"system_prompt":7}"#, "request_overrides.tools", "override key \"tools\" is denied"
        ),
        (
            "never", #"{"allow_overrides":true}"#, #"{"step_settings_patch":{"gateway":{"upstream":"x"}}}"#,
            "request_overrides.step_settings_patch.gateway.upstream",
            "\"gateway.upstream\" can never be overridden by a request"
        ),
        (
            "never", #"{"allow_overrides":true}"#,
            #"{"step_settings_patch":{"openai-chat":{"openai-base-url":"http://x"}}}"#,
            "request_overrides.step_settings_patch.openai-chat.openai-base-url",
            "\"openai-chat.openai-base-url\" can never be overridden by a request"
        ),
        (
            "never", #"{"allow_overrides":true}"#,
            #"{"step_settings_patch":{"openai-chat":{" OpenAI_API_Key ":null}}}"#,
            "request_overrides.step_settings_patch.openai-chat.OpenAI_API_Key",
            "\"openai-chat.OpenAI_API_Key\" can never be overridden by a request"
        ),
        (
            "limit", #"{"allow_overrides":true,"limits":{"ai-chat.ai-temperature":{"max":1.0}}}"#,
            #"{"step_settings_patch":{"ai-chat":{"ai-temperature":1.5}}}"#,
            "request_overrides.step_settings_patch.ai-chat.ai-temperature",
            "override of \"ai-chat.ai-temperature\" = 1.5 is above the maximum 1.0"
        ),
        (
            "limit by alias", #"{"allow_overrides":true,"limits":{"ai-chat.ai-temperature":{"max":1.0}}}"#,
            #"{"step_settings_patch":{"ai-inference":{"inference-temperature":"1.5"}}}"#,
            "request_overrides.step_settings_patch.ai-inference.inference-temperature",
            "override of \"ai-inference.inference-temperature\" = 1.5 is above the maximum 1.0"
        ),
        (
            "limit", #"{"allow_overrides":true,"limits":{"openai-chat.openai-n":{"min":2}}}"#,
            #"{"step_settings_patch":{"openai-chat":{"openai-n":1}}}"#,
            "request_overrides.step_settings_patch.openai-chat.openai-n",
            "override of \"openai-chat.openai-n\" = 1 is below the minimum 2"
        ),
        (
            "limit", #"{"allow_overrides":true,"limits":{"ai-chat.ai-engine":{"enum":["gpt-4o-mini","gpt-4.1"]}}}"#,
            #"{"step_settings_patch":{"ai-chat":{"ai-engine":"o3"}}}"#,
            "request_overrides.step_settings_patch.ai-chat.ai-engine",
            "override of \"ai-chat.ai-engine\" = \"o3\" is not among the allowed values \"gpt-4o-mini\", \"gpt-4.1\""
        ),
        (
            "limit", #"{"allow_overrides":true,"limits":{"ai-chat.ai-max-response-tokens":{"max":10}}}"#,
            #"{"step_settings_patch":{"ai-chat":{"ai-max-response-tokens":null}}}"#,
            "request_overrides.step_settings_patch.ai-chat.ai-max-response-tokens",
            "override of \"ai-chat.ai-max-response-tokens\" is bounded and cannot be removed"
        ),
    ])
    func `the policy refuses with field and reason`(
        _ id: String, _ policy: String, _ overrides: String, _ field: String, _ reason: String
    ) throws {
        let error = try #require(throws: ResolutionError.self) {
            try tenant(policy: policy).resolve("agent", overrides: overrides)
        }
        guard case .policy(let violation) = error else { throw error }
        #expect(violation.field == field)
        #expect(violation.description.hasPrefix("policy violation for profile \"agent\": "))
        #expect(violation.reason.contains(reason))
    }

    @Test func `RS-14 an empty overrides object is always allowed and changes nothing`() throws {
        let locked = try tenant(policy: "{}")
        #expect(try locked.resolve("agent", overrides: "{}").fingerprint == locked.resolve("agent").fingerprint)
    }

    @Test func `a bounded override within its bounds is accepted`() throws {
        let bounded = try tenant(
            policy:
                #"{"allow_overrides":true,"limits":{"ai-chat.ai-temperature":{"min":0,"max":1.0},"ai-chat.ai-engine":{"enum":["m"]}}}"#
        )
        let effective = try bounded.resolve(
            "agent", overrides: #"{"step_settings_patch":{"ai-chat":{"ai-temperature":1,"ai-engine":"m"}}}"#
        ).effective
        #expect(effective.setting("ai-chat", "ai-temperature") == 1)
    }

    @Test func `an override of a megabyte is only text`() throws {
        let prompt = String(repeating: "x", count: 1 << 20)
        #expect(
            try tenant().resolve("agent", overrides: "{\"system_prompt\":\"\(prompt)\"}").effective.systemPrompt
                == prompt)
        let tools = (0..<10_000).map { "\"t\($0)\"" }.joined(separator: ",")
        #expect(try tenant().resolve("agent", overrides: "{\"tools\":[\(tools)]}").effective.tools?.count == 10_000)
    }

    @Test(
        arguments: [
            (#"{"allow_overrides":true}"#, "temperature", "1.9", nil),
            (#"{"allow_overrides":true}"#, "user", "\"u\"", nil),
            ("{}", "user", "\"u\"", nil), ("{}", "temperature", "null", nil),
            ("{}", "temperature", "0", "request overrides are disabled"),
            (#"{"allow_overrides":true,"denied_override_keys":["step_settings_patch"]}"#, "seed", "1", "is denied"),
            (
                #"{"allow_overrides":true,"limits":{"ai-chat.ai-max-response-tokens":{"max":10}}}"#,
                "max_completion_tokens", "11", "= 11 is above the maximum 10"
            ),
            (
                #"{"allow_overrides":true,"limits":{"ai-chat.ai-max-response-tokens":{"max":10}}}"#, "max_tokens", "10",
                nil
            ),
            (
                #"{"allow_overrides":true,"limits":{"openai-chat.openai-n":{"max":1}}}"#, "n", "\"many\"",
                "no number within its bounds"
            ),
        ] as [(String, String, String, String?)])
    func `a client's own sampling fields obey the same policy`(
        _ policy: String, _ member: String, _ value: String, _ refusal: String?
    ) throws {
        let found = try tenant(policy: policy).resolve("agent").effective
            .refusal(ofClientField: member, JSONValue(parsing: value))
        if let refusal { #expect(found?.contains(refusal) == true) } else { #expect(found == nil) }
    }
}
