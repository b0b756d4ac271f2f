import JSON
import Profiles
import Testing

@Suite struct StepSettingsTests {
    /// A value that fits and one that does not, for every declared setting (D46).
    private static let cases: [(key: String, fits: String, not: String)] = [
        ("ai-chat.ai-engine", #""gpt""#, "1"), ("ai-chat.ai-api-type", #""claude""#, #""bard""#),
        ("ai-chat.ai-max-response-tokens", "1", "0"), ("ai-chat.ai-top-p", "0.5", "1.1"),
        ("ai-chat.ai-temperature", "0", "2.1"), ("ai-chat.ai-stop", #"["a"]"#, #""a""#),
        ("ai-chat.ai-cache-type", #""disk""#, #""file""#), ("ai-chat.ai-cache-max-size", "0", "-1"),
        ("ai-chat.ai-cache-max-entries", "3.0", "3.5"), ("ai-chat.ai-cache-directory", #""""#, "null1"),
        ("ai-chat.ai-structured-output-mode", #""json_schema""#, #""on""#),
        ("ai-chat.ai-structured-output-name", #""n""#, "[]"),
        ("ai-chat.ai-structured-output-description", #""d""#, "{}"),
        ("ai-chat.ai-structured-output-schema", #""{\"type\":\"object\"}""#, #""[]""#),
        ("ai-chat.ai-structured-output-strict", "false", #""yes""#),
        ("ai-chat.ai-structured-output-require-valid", #""true""#, "1"), ("ai-client.timeout", "60", "0"),
        ("ai-client.organization", #""o""#, "1"), ("ai-client.user-agent", #""u""#, "true"),
        ("openai-chat.openai-n", "2", "0"),
        ("openai-chat.openai-presence-penalty", "-2", "-2.1"), ("openai-chat.openai-frequency-penalty", #""1.5""#, "3"),
        ("openai-chat.openai-logit-bias", #"{"50256":-100,"1":"2.5"}"#, #"{"1":"x"}"#),
        ("openai-chat.openai-base-url", #""""#, "1"), ("openai-chat.openai-api-key", #""secret:x""#, "false"),
        ("openai-chat.openai-reasoning-effort", #""low""#, #""max""#),
        ("openai-chat.openai-parallel-tool-calls", "true", "0"),
        ("openai-chat.openai-reasoning-summary", #""""#, #""all""#),
        ("openai-chat.openai-include-reasoning-encrypted", "true", "[]"),
        ("openai-chat.openai-stream-include-usage", "false", "{}"), ("claude-chat.claude-top-k", "5", "-5"),
        ("claude-chat.claude-user-id", #""u""#, "5"), ("claude-chat.claude-base-url", #""""#, "[]"),
        ("claude-chat.claude-api-key", #""""#, "{}"), ("gemini-chat.gemini-base-url", #""""#, "1"),
        ("gemini-chat.gemini-api-key", #""secret:g""#, "1"), ("ai-inference.inference-thinking-budget", "1024", "-1"),
        ("ai-inference.inference-reasoning-effort", #""high""#, #""huge""#),
        ("ai-inference.inference-reasoning-summary", #""concise""#, #""long""#),
        ("ai-inference.inference-temperature", "2", "2.01"), ("ai-inference.inference-top-p", "1", "-0.1"),
        ("ai-inference.inference-max-response-tokens", "7", "1e400"),
        ("ai-inference.inference-seed", "-7", "9223372036854775808"),
        ("ai-inference.inference-stop", "[]", "[1]"), ("embeddings.embeddings-engine", #""e""#, "1"),
        ("embeddings.embeddings-type", #""ollama""#, #""x""#), ("embeddings.embeddings-dimensions", "1", "0"),
        ("embeddings.embeddings-cache-type", #""file""#, #""disk""#),
        ("embeddings.embeddings-cache-max-size", "1", #""1x""#),
        ("embeddings.embeddings-cache-max-entries", #""12""#, "-1"),
        ("embeddings.embeddings-cache-directory", #""d""#, "1"),
        ("gateway.upstream", #""openai""#, "1"), ("gateway.fallback-upstreams", #"["a"]"#, #"["a",1]"#),
        ("gateway.max-retries", "0", "11"), ("gateway.timeout-ms", "1", "3600001"),
        ("gateway.first-byte-timeout-ms", "5", "0"), ("gateway.context-tokens", "8000", "0"),
    ]

    @Test(arguments: cases)
    func `every declared setting takes what fits and refuses what does not`(
        _ key: String, _ fits: String, _ not: String
    ) throws {
        let parts = key.split(separator: ".").map(String.init)
        func found(_ text: String) throws -> [ValidationError] {
            let value: JSONValue = text == "null1" ? 1 : try JSONValue(parsing: text)
            return StepSettings.violations(
                of: [parts[0]: .object([parts[1]: value])], path: "runtime.step_settings_patch")
        }
        #expect(try found(fits) == [])
        #expect(try found("null") == [])
        let errors = try found(not)
        #expect(errors.map(\.field) == ["runtime.step_settings_patch.\(key)"])
        #expect(errors.first?.reason.hasPrefix("must be") == true)
    }

    @Test func `the table above is the whole table`() {
        #expect(StepSettings.all.map(\.key).sorted() == Self.cases.map(\.key).sorted())
        for setting in StepSettings.all {
            if let value = setting.default { #expect(setting.normalised(value) != nil, "\(setting.key)") }
        }
    }

    @Test func `unknown sections and settings are refused by name, all at once`() throws {
        let errors = StepSettings.violations(
            of: ["ollama-chat": [:], "ai-chat": ["ai-stream": true, "ai-engine": 1], " ": [:], "claude-chat": 5],
            path: "s")
        #expect(
            errors.map(\.field) == [
                "s.ollama-chat", "s.ai-chat.ai-stream", "s.ai-chat.ai-engine", "s", "s.claude-chat",
            ])
        #expect(errors[0].reason.hasPrefix("unknown section \"ollama-chat\" (known: ai-chat, ai-client,"))
        #expect(errors[1].reason == "unknown setting \"ai-stream\"")
    }

    @Test func `values take the type of their setting when they are resolved, not when they are stored`() throws {
        let profile = try created(
            #"{"slug":"a","runtime":{"step_settings_patch":{" ai-chat ":{" ai-temperature ":"0.50","ai-max-response-tokens":3.0}}}}"#
        )
        #expect(
            profile.runtime.document().text
                == #"{"step_settings_patch":{"ai-chat":{"ai-temperature":"0.50","ai-max-response-tokens":3.0}}}"#)
        let resolved = try Resolver { _ in "echo" }
            .resolve(ProfileID(registry: .default, profile: profile.slug), profile, in: TestTenant([:]))
        #expect(
            JSONValue.object(resolved.effective.stepSettings).text
                == #"{"ai-chat":{"ai-temperature":0.50,"ai-max-response-tokens":3}}"#)
    }

    @Test(arguments: [
        (
            #"{"ai-chat":{"ai-engine":"a"," ai-engine":"b"}}"#, "runtime.step_settings_patch.ai-chat.ai-engine",
            "is given twice"
        ),
        (#"{"ai-chat":{}," ai-chat":{}}"#, "runtime.step_settings_patch.ai-chat", "is given twice"),
        (
            #"{"gateway":{"upstream":"nope"}}"#, "runtime.step_settings_patch.gateway.upstream",
            "unknown upstream \"nope\" (configured: echo, openai)"
        ),
        (
            #"{"gateway":{"fallback-upstreams":["echo","x"]}}"#,
            "runtime.step_settings_patch.gateway.fallback-upstreams",
            "unknown upstream \"x\" (configured: echo, openai)"
        ),
    ])
    func `writes are judged against the configuration`(_ settings: String, _ field: String, _ reason: String) throws {
        let rules = ProfileRules(upstreamNames: ["openai", "echo"])
        let error = try #require(throws: ValidationError.self) {
            try created("{\"slug\":\"a\",\"runtime\":{\"step_settings_patch\":\(settings)}}", rules: rules)
        }
        #expect(error.field == field && error.reason == reason)
    }

    @Test(arguments: [
        (
            #"{"ai-chat.nope":{"max":1}}"#, "policy.limits[ai-chat.nope]",
            "is no step setting that a request can override"
        ),
        (
            #"{"gateway.timeout-ms":{"max":1}}"#, "policy.limits[gateway.timeout-ms]",
            "is no step setting that a request can override"
        ),
        (
            #"{"ai-chat.ai-engine":{"max":1}}"#, "policy.limits[ai-chat.ai-engine]",
            "min and max need a numeric setting; use enum"
        ),
        (
            #"{"ai-chat.ai-temperature":{"enum":[1,"hot"]}}"#, "policy.limits[ai-chat.ai-temperature].enum[1]",
            "must be a number from 0.0 to 2.0"
        ),
        (
            #"{"ai-chat.ai-temperature":{"max":"1"}}"#, "policy.limits[ai-chat.ai-temperature].max",
            "must be a finite number"
        ),
    ])
    func `limits must bound something that can be overridden`(_ limits: String, _ field: String, _ reason: String)
        throws
    {
        let error = try #require(throws: ValidationError.self) {
            try created("{\"slug\":\"a\",\"policy\":{\"limits\":\(limits)}}")
        }
        #expect(error.field == field && error.reason == reason)
    }
}
