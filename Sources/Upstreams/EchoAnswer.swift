internal import JSON

/// `echo`'s answer in OpenAI's shape, whole or as events. No clock: `created` is 0.
struct EchoAnswer {
    private let question: EchoQuestion
    private let usage: TokenUsage

    init(_ question: EchoQuestion) {
        self.question = question
        let output = question.forcedTool ?? question.report
        usage = TokenUsage(
            inputTokens: question.inputTokens,
            outputTokens: TokenUsage.estimatedTokens(bytes: output.utf8.count) * question.choices)
    }

    private var finishReason: String { question.forcedTool == nil ? "stop" : "tool_calls" }

    func document() -> [UInt8] {
        write("chat.completion") { writer in
            writer.key("choices")
            writer.array { choices in
                for index in 0..<question.choices {
                    choices.object { choice in
                        choice.member("index", index)
                        choice.member("message", object: writeMessage)
                        choice.member("finish_reason", finishReason)
                    }
                }
            }
            writer.member("usage", object: writeUsage)
        }
    }

    private func writeMessage(_ message: inout JSONWriter) {
        message.member("role", "assistant")
        if let tool = question.forcedTool {
            message.member("content", JSONValue.null)
            message.member("tool_calls", Self.toolCalls(tool, indexed: false))
        } else {
            message.member("content", question.report)
        }
    }

    /// One event per word (with the blanks after it), the end mark included.
    func events() -> [[UInt8]] {
        var events: [[UInt8]] = []
        for index in 0..<question.choices {
            events.append(chunk(index, delta: ["role": "assistant", "content": ""]))
            if let tool = question.forcedTool {
                events.append(chunk(index, delta: ["tool_calls": Self.toolCalls(tool, indexed: true)]))
            } else {
                for word in Self.words(question.report) {
                    events.append(chunk(index, delta: ["content": .string(word)]))
                }
            }
            events.append(chunk(index, delta: [:], finishReason: finishReason))
        }
        if question.includesUsage {
            let last = write("chat.completion.chunk") { writer in
                writer.member("choices", array: { _ in })
                writer.member("usage", object: writeUsage)
            }
            events.append(EventStreamWriter.event(data: last))
        }
        events.append(EventStreamWriter.done)
        return events
    }

    private func chunk(_ index: Int, delta: JSONObject, finishReason: String? = nil) -> [UInt8] {
        let bytes = write("chat.completion.chunk") { writer in
            writer.key("choices")
            writer.array { choices in
                choices.object { choice in
                    choice.member("index", index)
                    choice.member("delta", JSONValue.object(delta))
                    choice.member("finish_reason", finishReason.map { .string($0) } ?? JSONValue.null)
                }
            }
            if question.includesUsage { writer.member("usage", JSONValue.null) }
        }
        return EventStreamWriter.event(data: bytes)
    }

    private func write(_ kind: String, _ rest: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        writer.object { writer in
            writer.member("id", question.id)
            writer.member("object", kind)
            writer.member("created", 0)
            writer.member("model", question.model)
            rest(&writer)
        }
        return writer.bytes
    }

    private func writeUsage(_ writer: inout JSONWriter) {
        writer.member("prompt_tokens", usage.inputTokens)
        writer.member("completion_tokens", usage.outputTokens)
        writer.member("total_tokens", usage.inputTokens + usage.outputTokens)
    }

    private static func toolCalls(_ name: String, indexed: Bool) -> JSONValue {
        var call: JSONObject = indexed ? ["index": 0] : [:]
        call["id"] = "call_echo_1"
        call["type"] = "function"
        call["function"] = ["name": .string(name), "arguments": "{}"]
        return [.object(call)]
    }

    /// The text cut before each word; nothing is lost.
    static func words(_ text: String) -> [String] {
        var words: [String] = []
        var current = ""
        var inBlank = false
        for character in text {
            if inBlank, !character.isWhitespace {
                words.append(current)
                current = ""
            }
            inBlank = character.isWhitespace
            current.append(character)
        }
        return current.isEmpty ? words : words + [current]
    }
}
