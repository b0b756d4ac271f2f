package import JSON

extension AnswerStream {
    /// Rewrites one `chat.completion.chunk`; what was held back of a choice goes out with its `finish_reason`.
    package mutating func rewrite(_ chunk: inout JSONObject) {
        guard case .array(var choices) = chunk["choices"] else { return }
        for position in choices.indices {
            guard case .object(var choice) = choices[position] else { continue }
            let index = choice["index"]?.numberValue?.int64.flatMap { Int(exactly: $0) } ?? position
            if let delta = choice["delta"] {
                let new = ChatMessage.rewriting(delta) { text, place in
                    push(text, at: Place(choice: index, place: place))
                }
                if let new { choice["delta"] = new }
            }
            if let reason = choice["finish_reason"], !reason.isNull {
                var delta = choice["delta"]?.objectValue ?? [:]
                for (place, text) in finish(choice: index) { Self.append(text, at: place.place, to: &delta) }
                choice["delta"] = .object(delta)
            }
            choices[position] = .object(choice)
        }
        chunk["choices"] = .array(choices)
    }

    /// A chunk with all that is still held back, for a stream that ended without its finish reasons; nil when nothing
    /// is. The envelope (`id`, `model`, …) is that of any chunk of the stream.
    package mutating func remainder(envelope: JSONObject) -> JSONObject? {
        var deltas: [Int: JSONObject] = [:]
        for (place, text) in finish() { Self.append(text, at: place.place, to: &deltas[place.choice, default: [:]]) }
        guard !deltas.isEmpty else { return nil }
        var chunk = envelope
        chunk["choices"] = .array(
            deltas.sorted { $0.key < $1.key }.map { choice, delta in
                ["index": .number(JSONNumber(choice)), "delta": .object(delta), "finish_reason": .null]
            })
        return chunk
    }

    /// Adds text to the member of a delta that it belongs to.
    private static func append(_ text: String, at place: ChatTextPlace, to delta: inout JSONObject) {
        switch place {
        case .content: append(text, to: &delta, "content")
        case .refusal: append(text, to: &delta, "refusal")
        case .reasoningContent: append(text, to: &delta, "reasoning_content")
        case .reasoning: append(text, to: &delta, "reasoning")
        case .functionArguments: append(text, to: &delta, "function_call", "arguments")
        case .toolArguments(let index): append(text, to: &delta, call: index, "function", "arguments")
        case .toolInput(let index): append(text, to: &delta, call: index, "custom", "input")
        }
    }

    private static func append(_ text: String, to members: inout JSONObject, _ key: String) {
        members[key] = .string((members[key]?.stringValue ?? "") + text)
    }

    private static func append(_ text: String, to members: inout JSONObject, _ outer: String, _ inner: String) {
        var nested = members[outer]?.objectValue ?? [:]
        append(text, to: &nested, inner)
        members[outer] = .object(nested)
    }

    private static func append(
        _ text: String, to delta: inout JSONObject, call index: Int, _ outer: String, _ inner: String
    ) {
        var calls = delta["tool_calls"]?.arrayValue ?? []
        let number = JSONNumber(index)
        if let position = calls.firstIndex(where: { $0["index"]?.numberValue == number }) {
            var call = calls[position].objectValue ?? [:]
            append(text, to: &call, outer, inner)
            calls[position] = .object(call)
        } else {
            var call: JSONObject = ["index": .number(number)]
            append(text, to: &call, outer, inner)
            calls.append(.object(call))
        }
        delta["tool_calls"] = .array(calls)
    }
}
