import JSON
import Testing

@testable import Upstreams

struct CompletionTests {
    @Test func `a whole answer is read`() throws {
        let completion = try Completion(
            parsing: Array(
                #"{"id":"c","model":"m-1","choices":[{"index":0,"finish_reason":"length","message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":4.0}}"#
                    .utf8))
        #expect(completion.id == "c")
        #expect(completion.model == "m-1")
        #expect(completion.output == "hi")
        #expect(completion.finishReason == "length")
        #expect(completion.usage == TokenUsage(inputTokens: 3, outputTokens: 4))
        #expect(completion.toolCalls.isEmpty)
    }

    @Test(arguments: [
        (#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]}}]}"#, ""),
        (#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]}"#, "ab"),
        (#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#, "no"),
        (#"{"choices":[{}],"usage":{"prompt_tokens":-1,"completion_tokens":2}}"#, ""),
    ])
    func `odd contents are taken as they come`(body: String, output: String) throws {
        let completion = try Completion(parsing: Array(body.utf8))
        #expect(completion.output == output)
        #expect(completion.usage == nil)
    }

    @Test(arguments: [
        (#"{"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{"content":"a"}}]}"#, "a"),
        (#"{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}"#, "a"),
        (#"{"choices":[{"index":2,"message":{"content":"c"}},{"index":1,"message":{"content":"b"}}]}"#, "c"),
    ])
    func `the choice of index 0 is the answer, wherever it stands`(body: String, output: String) throws {
        #expect(try Completion(parsing: Array(body.utf8)).output == output)
    }

    @Test(arguments: ["", "[]", "{}", #"{"choices":[]}"#, #"{"choices":{}}"#])
    func `what has no choice is an error`(body: String) {
        #expect(throws: CompletionError.self) { try Completion(parsing: Array(body.utf8)) }
    }

    @Test func `an error in a 200 is an error`() {
        #expect(throws: CompletionError(reason: "the upstream reported an error")) {
            try Completion(parsing: Array(#"{"error":{"message":"overloaded"},"choices":[{}]}"#.utf8))
        }
    }

    @Test func `a stream is put together, also from single bytes`() throws {
        let events = [
            #"{"id":"s","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            #"{"choices":[{"index":1,"delta":{"content":"other choice"}}]}"#,
            #"{"choices":[{"index":0,"delta":{"content":"Hé"}}],"usage":null}"#,
            #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c0","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
            #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]}"#,
            #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c1","type":"function","function":{"name":"g","arguments":"{}"}}]}}]}"#,
            #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            #"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            #"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        ]
        let stream = events.map { "data: \($0)\n\n" }.joined() + "data: [DONE]\n\n"
        var accumulator = CompletionAccumulator()
        var texts: [String] = []
        for byte in stream.utf8 {
            texts += try [byte].withUnsafeBytes { bytes throws(CompletionError) in try accumulator.add(bytes) }
        }
        #expect(texts == ["Hé"])
        #expect(accumulator.isDone)
        var expected = Completion()
        expected.id = "s"
        expected.model = "m"
        expected.output = "Hé"
        expected.finishReason = "tool_calls"
        expected.usage = TokenUsage(inputTokens: 1, outputTokens: 2)
        expected.toolCalls = [
            ["id": "c0", "type": "function", "function": ["name": "f", "arguments": #"{"a":1}"#]],
            ["id": "c1", "type": "function", "function": ["name": "g", "arguments": "{}"]],
        ]
        #expect(accumulator.completion == expected)
    }

    @Test(arguments: [
        "data: {\n\n", "data: x\n\n", "data: {\"error\":{\"message\":\"boom\"}}\n\n", "data: {\"error\":\"boom\"}\n\n",
    ])
    func `a broken or failing event is an error`(stream: String) {
        var accumulator = CompletionAccumulator()
        #expect(throws: CompletionError.self) {
            _ = try Array(stream.utf8).withUnsafeBytes { bytes throws(CompletionError) in try accumulator.add(bytes) }
        }
    }

    @Test(arguments: [
        #"{"choices":[{"delta":{"content":"0123456789"}}]}"#, #"{"choices":[{"delta":{"refusal":"0123456789"}}]}"#,
        #"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"0123456789"}}]}}]}"#,
        #"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c1"}]}}]}"#,
    ])
    func `what is kept of a stream is bounded`(event: String) throws {
        let call = #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c0"}]}}]}"#
        var accumulator = CompletionAccumulator(maximumBytes: 20)
        func add(_ event: String) throws {
            _ = try Array("data: \(event)\n\n".utf8).withUnsafeBytes { bytes throws(CompletionError) in
                try accumulator.add(bytes)
            }
        }
        try add(call)  // {"id":"c0"}: 11 bytes
        #expect(throws: CompletionError(reason: "the answer is larger than 20 bytes", isTooLarge: true)) {
            try add(event)
        }
    }

    @Test func `a hostile tool call index makes no gap`() throws {
        let stream =
            #"data: {"choices":[{"delta":{"tool_calls":[{"index":1000000000,"id":"x"},{"index":-1,"id":"y"}]}}]}"#
            + "\n\n"
        var accumulator = CompletionAccumulator()
        _ = try Array(stream.utf8).withUnsafeBytes { bytes throws(CompletionError) in try accumulator.add(bytes) }
        #expect(accumulator.completion.toolCalls.isEmpty)
    }
}
