import JSON
import Profiles
import Testing

@Suite struct ProfileValidationTests {
    /// Bodies of a create request, each with the exact error of origin 2.6.
    @Test(arguments: [
        ("SL-3", #"{}"#, "profile.slug", "must not be empty"),
        ("SL-3", #"{"slug":"  "}"#, "profile.slug", "must not be empty"),
        ("SL-2", #"{"slug":"bad slug"}"#, "profile.slug", "profile slug \"bad slug\" is invalid"),
        ("", #"{"slug":7}"#, "profile.slug", "must be a string"),
        ("", #"{"slug":"a","registry":"no no"}"#, "registry.slug", "registry slug \"no no\" is invalid"),
        (
            "VA-8", #"{"slug":"a","runtime":{"middlewares":[{"name":"  "}]}}"#, "runtime.middlewares[0].name",
            "must not be empty"
        ),
        ("", #"{"slug":"a","runtime":{"middlewares":[{}]}}"#, "runtime.middlewares[0].name", "must not be empty"),
        (
            "", #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","id":" "}]}}"#,
            "runtime.middlewares[0].id", "must not be empty"
        ),
        (
            "VA-10",
            #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","id":"x"},{"name":"other","id":" x "}]}}"#,
            "runtime.middlewares[1].id",
            "duplicate middleware instance id \"x\" (first seen at runtime.middlewares[0].id)"
        ),
        ("VA-12", #"{"slug":"a","runtime":{"tools":["calculator"," "]}}"#, "runtime.tools[1]", "must not be empty"),
        ("", #"{"slug":"a","runtime":{"tools":["calculator",1]}}"#, "runtime.tools[1]", "must be a string"),
        (
            "", #"{"slug":"a","policy":{"allowed_override_keys":["tools",""]}}"#,
            "policy.allowed_override_keys[1]", "must not be empty"
        ),
        (
            "", #"{"slug":"a","policy":{"denied_override_keys":["\t"]}}"#, "policy.denied_override_keys[0]",
            "must not be empty"
        ),
        (
            "VA-2",
            #"{"slug":"a","policy":{"allowed_override_keys":["system_prompt"],"denied_override_keys":[" system_prompt"]}}"#,
            "policy.override_keys", "key \"system_prompt\" appears in both allow and deny lists"
        ),
        (
            "D29",
            #"{"slug":"a","policy":{"allowed_override_keys":["systemPrompt"],"denied_override_keys":["system_prompt"]}}"#,
            "policy.override_keys", "key \"system_prompt\" appears in both allow and deny lists"
        ),
        (
            "D29", #"{"slug":"a","policy":{"denied_override_keys":["temperature"]}}"#, "policy.denied_override_keys[0]",
            "unknown override key \"temperature\" (known: system_prompt, middlewares, tools, step_settings_patch)"
        ),
        (
            "EX-2", #"{"slug":"a","extensions":{" bad key ":1}}"#, "profile.extensions[bad key]",
            "extension key \"bad key\" is invalid (expected namespace.feature@vN)"
        ),
        (
            "D48", #"{"slug":"a","extensions":{"a.b@v1":1,"A.b@V1":2}}"#, "profile.extensions[A.b@V1]",
            "duplicate extension key \"a.b@v1\" after canonicalization"
        ),
        ("SK-7", #"{"slug":"a","stack":[{"profile_slug":" "}]}"#, "profile.stack[0].profile_slug", "must not be empty"),
        (
            "SK-7", #"{"slug":"a","stack":[{"profile_slug":"b c"}]}"#, "profile.stack[0].profile_slug",
            "profile slug \"b c\" is invalid"
        ),
        (
            "SK-7", #"{"slug":"a","stack":[{"profile_slug":"b"},{"registry_slug":"r r","profile_slug":"b"}]}"#,
            "profile.stack[1].registry_slug", "registry slug \"r r\" is invalid"
        ),
        (
            "MX-4", #"{"slug":"a","runtime":{"middlewares":[{"name":"unknown_middleware"}]}}"#,
            "runtime.middlewares[0].name", "unknown middleware \"unknown_middleware\""
        ),
        (
            "MX-3", #"{"slug":"a","runtime":{"middlewares":[{"name":"not valid!"}]}}"#, "runtime.middlewares[0].name",
            "unknown middleware \"not valid!\""
        ),
        (
            "MX-5", #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","config":{"unknown":"x"}}]}}"#,
            "runtime.middlewares[0].config", "unknown: is not allowed; allowed are \"default_mode\""
        ),
        (
            "", #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","config":[1]}]}}"#,
            "runtime.middlewares.config", "runtime.middlewares[0].config: must be an object: got an array"
        ),
        (
            "", #"{"slug":"a","runtime":{"step_settings_patch":{" ":{}}}}"#, "runtime.step_settings_patch",
            "section slug cannot be empty"
        ),
        (
            "", #"{"slug":"a","runtime":{"step_settings_patch":{"ai-chat":3}}}"#, "runtime.step_settings_patch.ai-chat",
            "section patch must be an object"
        ),
        (
            "", #"{"slug":"a","runtime":{"step_settings_patch":{"ai-chat":{"":3}}}}"#,
            "runtime.step_settings_patch.ai-chat", "field name cannot be empty"
        ),
        ("", #"{"slug":"a","policy":{"on_denied":"shrug"}}"#, "policy.on_denied", "must be \"reject\" or \"ignore\""),
        ("", #"{"slug":"a","policy":{"allow_overrides":"yes"}}"#, "policy.allow_overrides", "must be a boolean"),
        (
            "", #"{"slug":"a","policy":{"limits":{"ai-chat.ai-temperature":{"min":2,"max":1}}}}"#,
            "policy.limits[ai-chat.ai-temperature]", "min must not be above max"
        ),
        (
            "", #"{"slug":"a","policy":{"limits":{"ai-chat.ai-temperature":{"maximum":1}}}}"#,
            "policy.limits[ai-chat.ai-temperature].maximum", "unknown field \"maximum\""
        ),
        (
            "", #"{"slug":"a","runtime":{"variables":{"lang":{"type":"date"}}}}"#, "runtime.variables.lang.type",
            "must be one of string, number, integer, boolean"
        ),
        (
            "", #"{"slug":"a","runtime":{"variables":{"lang":{"default":3}}}}"#, "runtime.variables.lang.default",
            "must be of type string"
        ),
        (
            "", #"{"slug":"a","runtime":{"variables":{"1x":{}}}}"#, "runtime.variables.1x",
            "variable names are 1 to 64 letters, digits, '_', '-' or '.', starting with a letter or '_'"
        ),
        ("", #"{"slug":"a","colour":"red"}"#, "colour", "unknown field \"colour\""),
        ("", #"{"slug":"a","runtime":{"prompt":"x"}}"#, "runtime.prompt", "unknown field \"prompt\""),
        (
            "", #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","cfg":{}}]}}"#,
            "runtime.middlewares[0].cfg", "unknown field \"cfg\""
        ),
        (
            "", #"{"slug":"a","expected_version":-1}"#, "expected_version",
            "must be an integer from 0 to 18446744073709551615"
        ),
        (
            "", #"{"slug":"a","expected_version":"1"}"#, "expected_version",
            "must be an integer from 0 to 18446744073709551615"
        ),
        (
            "", #"{"slug":"a","metadata":{"version":3}}"#, "metadata.version",
            "is set by the server and cannot be given; use expected_version to guard the write"
        ),
        (
            "", #"{"slug":"a","metadata":{"created_by":"me"}}"#, "metadata.created_by",
            "is set by the server and cannot be given"
        ),
        (
            "", #"{"slug":"a","metadata":{"updated_at_ms":5}}"#, "metadata.updated_at_ms",
            "is set by the server and cannot be given"
        ),
        ("", "[]", "", "must be an object"),
    ])
    func `create refuses with the exact field and reason`(
        _ id: String, _ body: String, _ field: String, _ reason: String
    ) throws {
        let error = try #require(throws: ValidationError.self) { try created(body) }
        #expect(error.field == field)
        #expect(error.reason == reason)
        #expect(error.description.contains("validation error (\(field)): \(reason)"))
    }

    @Test(arguments: [
        ("openai-chat", "openai-api-key", "sk-live-1"), ("claude-chat", "claude-api-key", "secret:"),
        ("gemini-chat", "GEMINI_API_KEY", "x"), ("openai-chat", "openai-api-key", "secret:a b"),
        ("openai-chat", "openai-api-key", "***"),
    ])
    func `a literal provider key is refused and not repeated`(_ section: String, _ field: String, _ key: String) throws
    {
        let body: JSONValue = [
            "slug": "a",
            "runtime": ["step_settings_patch": .object([section: .object([field: .string(key)])])],
        ]
        let error = try #require(throws: ValidationError.self) {
            try CreateProfileBody(decoding: body, rules: ProfileRules())
        }
        #expect(error.field == "runtime.step_settings_patch.\(section).\(field)")
        #expect(error.reason.hasPrefix("literal provider keys are not accepted"))
        #expect(!error.description.contains("sk-live"))
    }

    @Test func `named secrets, empty keys and configured base URLs are fine, others are not`() throws {
        let rules = ProfileRules(upstreamBaseURLs: ["https://api.openai.com/v1"])
        let profile = try created(
            #"""
            {"slug":"a","runtime":{"step_settings_patch":{"openai-chat":{"openai-api-key":"secret:acme-openai",
             "openai-base-url":"https://api.openai.com/v1/"},"claude-chat":{"claude-api-key":""}}}}
            """#, rules: rules)
        #expect(profile.runtime.maskingLiteralKeys() == profile.runtime)
        let error = try #require(throws: ValidationError.self) {
            try created(
                #"{"slug":"a","runtime":{"step_settings_patch":{"openai-chat":{"openai-base-url":"http://evil"}}}}"#,
                rules: rules)
        }
        #expect(error.field == "runtime.step_settings_patch.openai-chat.openai-base-url")
    }

    @Test func `VA-1 VA-11 valid middlewares, tools and policy are accepted`() throws {
        let profile = try created(
            #"""
            {"slug":"a","runtime":{"middlewares":[{"name":" agentmode ","id":"one"},{"name":"agentmode","id":" two "}],
             "tools":["calculator"," spaced "]},"policy":{"allow_overrides":true,"allowed_override_keys":["tools"]}}
            """#)
        #expect(profile.runtime.middlewares.value?.map(\.id) == ["one", "two"])
        #expect(profile.runtime.middlewares.value?.first?.name == "agentmode")
        #expect(profile.runtime.tools.value == ["calculator", " spaced "])
    }

    @Test func `MX-2 one name twice without ids is valid on write`() throws {
        let profile = try created(
            #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode"},{"name":"agentmode"}]}}"#)
        #expect(profile.runtime.middlewares.value?.count == 2)
    }

    @Test func `checks come in order: slug, stack, runtime, policy`() throws {
        let body =
            #"{"slug":"a","runtime":{"middlewares":[{"name":" "}],"tools":[" "]},"policy":{"allowed_override_keys":[" "]}}"#
        #expect(try #require(throws: ValidationError.self) { try created(body) }.field == "runtime.middlewares[0].name")
        let later = body.replacing("{\"name\":\" \"}", with: "")
        #expect(try #require(throws: ValidationError.self) { try created(later) }.field == "runtime.tools[0]")
    }

    @Test func `MX-10 middleware definitions are unique and named`() throws {
        let schema = try JSONSchema(["type": "object"])
        func definition(_ name: String) -> MiddlewareDefinition {
            MiddlewareDefinition(name: name, displayName: name, description: "", configSchema: schema)
        }
        #expect(throws: ValidationError.self) { try MiddlewareCatalog([definition("a"), definition("a")]) }
        #expect(throws: ValidationError.self) { try MiddlewareCatalog([definition(" ")]) }
        #expect(throws: ValidationError.self) { try MiddlewareCatalog([definition("not valid!")]) }
        #expect(throws: ValidationError.self) { try MiddlewareCatalog([definition(String(repeating: "m", count: 58))]) }
        let catalog = try MiddlewareCatalog([
            definition("b"), definition("a"), definition(String(repeating: "m", count: 57)),
        ])
        #expect(catalog.all.map(\.name).prefix(2) == ["a", "b"])
    }
}
