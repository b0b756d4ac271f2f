import JSON
import Middlewares
import Testing

@Suite struct AnswerStreamTests {
    private func stream(restoring text: String) throws -> AnswerStream {
        let config = #"{"restore":true,"custom":[{"name":"q","pattern":"<.*>"}]}"#
        var run = try chain(("prompt-append", #"{"text":"x"}"#), ("redact", config)).begin()
        var request = draft(user(text))
        try run.onRequest(&request)
        return run.makeStream()
    }

    private func chunk(_ delta: JSONValue, choice: Int = 0, finish: JSONValue = .null) -> JSONObject {
        [
            "id": "c", "choices": [["index": .number(JSONNumber(choice)), "delta": delta, "finish_reason": finish]],
            "usage": .null,
        ]
    }

    private func delta(_ chunk: JSONObject) -> JSONValue? { chunk["choices"]?[0]?["delta"] }

    @Test func `chunks are rewritten, and what was held back goes out with the finish reason`() throws {
        var stream = try stream(restoring: "a@x.org")
        var first = chunk(["role": "assistant", "content": "mail [EMA"])
        stream.rewrite(&first)
        #expect(first == chunk(["role": "assistant", "content": "mail "]))
        var second = chunk(["content": "IL_1] or [EMAIL"])
        stream.rewrite(&second)
        #expect(second == chunk(["content": "a@x.org or "]))
        var last = chunk([:], finish: "stop")
        stream.rewrite(&last)
        #expect(last == chunk(["content": "[EMAIL"], finish: "stop"))
        #expect(stream.remainder(envelope: ["id": "c"]) == nil)
    }

    @Test func `choices and texts are filtered apart, and originals are escaped in arguments`() throws {
        var stream = try stream(restoring: #"<"> a@x.org"#)
        var pieces: [JSONObject] = []
        for (choice, delta) in [
            (0, ["content": "[Q_"]), (1, ["content": "1]"]),
            (0, ["tool_calls": [["index": 1, "function": ["arguments": "{\"a\":\"[Q"]]]]),
            (0, ["content": "1]"]), (0, ["tool_calls": [["index": 1, "function": ["arguments": "_1]\"}"]]]]),
            (0, ["reasoning_content": "[EMAIL_1]"]),
        ] as [(Int, JSONValue)] {
            var piece = chunk(delta, choice: choice)
            stream.rewrite(&piece)
            pieces.append(piece)
        }
        #expect(pieces.map { delta($0)?["content"] } == ["", "1]", nil, #"<">"#, nil, nil])
        #expect(
            pieces.compactMap { delta($0)?["tool_calls"]?[0]?["function"]?["arguments"]?.stringValue }.joined()
                == #"{"a":"<\">"}"#)
        #expect(delta(pieces[5])?["reasoning_content"] == "a@x.org")
    }

    @Test func `what is held back of tool calls and broken streams is not lost`() throws {
        var stream = try stream(restoring: "a@x.org")
        for (choice, delta) in [
            (0, ["content": "x[E"]), (2, ["tool_calls": [["index": 3, "function": ["arguments": "[EMAIL_1"]]]]),
            (2, ["function_call": ["arguments": "["]]), (2, ["reasoning": "[EMAIL"]), (2, ["refusal": "["]),
        ] as [(Int, JSONValue)] {
            var piece = chunk(delta, choice: choice)
            stream.rewrite(&piece)
        }
        let rest = stream.remainder(envelope: ["id": "c"])
        #expect(
            rest == [
                "id": "c",
                "choices": [
                    ["index": 0, "delta": ["content": "[E"], "finish_reason": .null],
                    [
                        "index": 2,
                        "delta": [
                            "tool_calls": [["index": 3, "function": ["arguments": "[EMAIL_1"]]],
                            "function_call": ["arguments": "["], "reasoning": "[EMAIL", "refusal": "[",
                        ], "finish_reason": .null,
                    ],
                ],
            ])
        #expect(stream.remainder(envelope: [:]) == nil)
    }

    @Test func `chunks without choices or text stay as they are`() throws {
        var stream = try stream(restoring: "a@x.org")
        for unchanged in [
            ["choices": [], "usage": ["total_tokens": 1]], ["object": "x"], chunk(["role": "assistant"]),
        ] as [JSONObject] {
            var piece = unchanged
            stream.rewrite(&piece)
            #expect(piece == unchanged)
        }
    }
}
