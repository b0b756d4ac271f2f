import HTTPClient
import JSON
import Testing

@testable import Upstreams

struct OpenAISettingsTests {
    /// The members as one object's text.
    private func members(_ settings: String, streams: Bool? = nil, offersTools: Bool = false) throws -> String {
        let made = try OpenAISettings(
            try #require(JSONValue(parsing: settings).objectValue), streams: streams, offersTools: offersTools)
        var object = JSONObject()
        for (key, value) in made.members {
            #expect(object[key] == nil, "\(key) twice")
            object[key] = value
        }
        return String(decoding: JSONValue.object(object).encoded(), as: UTF8.self)
    }

    @Test(arguments: [
        ("{}", "{}"),
        (#"{"ai-chat":{"ai-engine":"m"}}"#, #"{"model":"m"}"#),
        (#"{"ai-chat":{"ai-engine":""}}"#, "{}"),
        (#"{"ai-chat":{"ai-temperature":0}}"#, #"{"temperature":0}"#),
        (#"{"ai-chat":{"ai-temperature":1.10}}"#, #"{"temperature":1.10}"#),
        (
            #"{"ai-chat":{"ai-top-p":0.5,"ai-max-response-tokens":7,"ai-stop":["a"]}}"#,
            #"{"max_tokens":7,"top_p":0.5,"stop":["a"]}"#
        ),
        (#"{"ai-chat":{"ai-stop":[]}}"#, "{}"),
        (
            #"{"ai-chat":{"ai-temperature":1,"ai-top-p":1,"ai-max-response-tokens":1,"ai-stop":["a"]},"ai-inference":{"inference-temperature":0,"inference-top-p":0.1,"inference-max-response-tokens":2,"inference-stop":["b"],"inference-seed":42}}"#,
            #"{"max_tokens":2,"temperature":0,"top_p":0.1,"stop":["b"],"seed":42}"#
        ),
        (#"{"ai-chat":{"ai-temperature":0.3},"ai-inference":{"inference-temperature":null}}"#, #"{"temperature":0.3}"#),
        (
            #"{"openai-chat":{"openai-n":2,"openai-presence-penalty":0,"openai-frequency-penalty":-1.5,"openai-logit-bias":{"50256":"-100","7":1}}}"#,
            #"{"n":2,"presence_penalty":0,"frequency_penalty":-1.5,"logit_bias":{"50256":-100,"7":1}}"#
        ),
        (
            #"{"ai-chat":{"ai-engine":"gpt-4o"},"openai-chat":{"openai-reasoning-effort":"high"}}"#,
            #"{"model":"gpt-4o"}"#
        ),
        (
            #"{"ai-chat":{"ai-engine":"o3-mini","ai-temperature":1,"ai-top-p":1,"ai-max-response-tokens":9},"openai-chat":{"openai-n":3,"openai-presence-penalty":1,"openai-reasoning-effort":"high"},"ai-inference":{"inference-seed":1}}"#,
            #"{"model":"o3-mini","max_completion_tokens":9,"seed":1,"reasoning_effort":"high"}"#
        ),
        (
            #"{"ai-chat":{"ai-engine":"gpt-5-nano"},"openai-chat":{"openai-reasoning-effort":"high"},"ai-inference":{"inference-reasoning-effort":"low"}}"#,
            #"{"model":"gpt-5-nano","reasoning_effort":"low"}"#
        ),
    ])
    func `settings become members`(settings: String, expected: String) throws {
        #expect(try members(settings) == expected)
    }

    @Test func `streaming and tools add their members`() throws {
        let plain = #"{"ai-chat":{"ai-engine":"m"},"openai-chat":{"openai-parallel-tool-calls":false}}"#
        #expect(
            try members(plain, streams: true) == #"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#
        )
        #expect(try members(plain, streams: false) == #"{"model":"m"}"#)
        #expect(try members(plain, offersTools: true) == #"{"model":"m","parallel_tool_calls":false}"#)
        #expect(
            try members(#"{"ai-chat":{"ai-engine":"open-mistral-7b"}}"#, streams: true)
                == #"{"model":"open-mistral-7b","stream":true}"#)
        #expect(
            try members(#"{"openai-chat":{"openai-stream-include-usage":false}}"#, streams: true) == #"{"stream":true}"#
        )
    }

    @Test func `structured output becomes response_format`() throws {
        let section =
            #""ai-structured-output-mode":"json_schema","ai-structured-output-schema":"{\"type\":\"object\",\"b\":1,\"a\":2}""#
        #expect(
            try members("{\"ai-chat\":{\(section)}}")
                == #"{"response_format":{"type":"json_schema","json_schema":{"name":"output","schema":{"type":"object","b":1,"a":2},"strict":true}}}"#
        )
        let named =
            #","ai-structured-output-name":"n","ai-structured-output-description":"d","ai-structured-output-strict":false"#
        #expect(
            try members("{\"ai-chat\":{\(section)\(named)}}")
                == #"{"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type":"object","b":1,"a":2},"strict":false}}}"#
        )
        #expect(
            try members(#"{"ai-chat":{"ai-structured-output-mode":"off","ai-structured-output-schema":"{}"}}"#) == "{}")
    }

    @Test(arguments: ["", "[]", "{"])
    func `an invalid schema is left out with a warning, or refused if it must be valid`(schema: String) throws {
        var section: JSONObject = [
            "ai-structured-output-mode": "json_schema", "ai-structured-output-schema": .string(schema),
        ]
        let lenient = try OpenAISettings(["ai-chat": .object(section)])
        #expect(lenient.members.isEmpty)
        #expect(lenient.warnings.count == 1)
        section["ai-structured-output-require-valid"] = true
        #expect(
            throws: FieldError(path: "ai-chat.ai-structured-output-schema", reason: "must be a JSON object, as text")
        ) {
            try OpenAISettings(["ai-chat": .object(section)])
        }
    }

    @Test func `fields of a wrong type are left out and named`() throws {
        let made = try OpenAISettings([
            "ai-chat": ["ai-temperature": "hot", "ai-max-response-tokens": 1, "ai-stop": ["a", 1]],
            "openai-chat": ["openai-logit-bias": ["1": "x"]], "ai-inference": "nonsense",
            "ai-client": ["user-agent": "a\r\nb", "organization": "org-1"],
        ])
        #expect(made.members.map(\.key) == ["max_tokens"])
        #expect(made.warnings.count == 4)
        #expect(made.warnings.first == "ai-chat.ai-temperature is no number and is left out")
        #expect(made.headers.map(\.name) == ["OpenAI-Organization"])
    }

    @Test func `a reasoning model's refusals are named`() throws {
        #expect(try OpenAISettings(["ai-chat": ["ai-engine": "o1"]]).refusedMembers.contains("temperature"))
        #expect(try OpenAISettings(["ai-chat": ["ai-engine": "gpt-4o"]]).refusedMembers.isEmpty)
    }

    @Test func `a body of our own`() throws {
        let settings = try OpenAISettings(
            ["ai-chat": ["ai-engine": "m", "ai-temperature": 0]], streams: true, offersTools: true)
        let body = OpenAIRequestBody(
            systemPrompt: "Be \"brief\".",
            history: [.init(role: .user, content: "a"), .init(role: .assistant, content: "b")], prompt: "c\n",
            tools: [["type": "function"]])
        #expect(
            String(decoding: body.encoded(settings), as: UTF8.self)
                == #"{"model":"m","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"a"},"#
                + #"{"role":"assistant","content":"b"},{"role":"user","content":"c\n"}],"tools":[{"type":"function"}],"#
                + #""temperature":0,"stream":true,"stream_options":{"include_usage":true}}"#)
        let bare = OpenAIRequestBody(prompt: "x").encoded(try OpenAISettings([:]))
        #expect(String(decoding: bare, as: UTF8.self) == #"{"messages":[{"role":"user","content":"x"}]}"#)
    }

    @Test func `settings change the timeouts`() {
        let base = TransferTimeouts()
        #expect(base.applying([:]) == base)
        #expect(base.applying(["ai-client": ["timeout": 5]]).total == .seconds(5))
        #expect(
            base.applying(["ai-client": ["timeout": 5], "gateway": ["timeout-ms": 1500]]).total == .milliseconds(1500))
        #expect(base.applying(["gateway": ["first-byte-timeout-ms": 100]]).firstByte == .milliseconds(100))
        #expect(base.applying(["gateway": ["timeout-ms": 0, "first-byte-timeout-ms": "x"]]) == base)
    }
}
