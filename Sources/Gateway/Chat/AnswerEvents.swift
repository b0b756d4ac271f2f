internal import JSON
internal import Upstreams

/// Plays a whole answer out as the stream it would have been.
enum AnswerEvents {
    /// `chat.completion.chunk` events with the message of each choice, its finish reason, the usage if asked for, and
    /// `[DONE]`.
    static func events(for answer: JSONObject, includesUsage: Bool) -> [UInt8] {
        var envelope = JSONObject()
        for key in ["id", "created", "model", "system_fingerprint", "service_tier"] {
            if let value = answer[key] { envelope[key] = value }
        }
        envelope["object"] = "chat.completion.chunk"
        var events: [UInt8] = []
        func emit(_ choices: [JSONValue], _ extra: JSONObject = [:]) {
            var chunk = envelope
            chunk["choices"] = .array(choices)
            for (key, value) in extra { chunk[key] = value }
            events += EventStreamWriter.event(data: JSONValue.object(chunk).encoded())
        }
        for (position, choice) in (answer["choices"]?.arrayValue ?? []).enumerated() {
            let index = choice["index"] ?? .number(JSONNumber(position))
            emit([["index": index, "delta": delta(of: choice["message"]), "finish_reason": .null]])
            emit([["index": index, "delta": [:], "finish_reason": choice["finish_reason"] ?? .null]])
        }
        if includesUsage, let usage = answer["usage"] { emit([], ["usage": usage]) }
        return events + EventStreamWriter.done
    }

    /// A message as one delta: tool calls need their index there.
    private static func delta(of message: JSONValue?) -> JSONValue {
        var delta = message?.objectValue ?? [:]
        if let calls = delta["tool_calls"]?.arrayValue {
            delta["tool_calls"] = .array(
                calls.enumerated().map { index, call in
                    var call = call.objectValue ?? [:]
                    call["index"] = .number(JSONNumber(index))
                    return .object(call)
                })
        }
        return .object(delta)
    }
}
