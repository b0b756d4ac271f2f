internal import JSON
internal import Profiles
internal import Tenants
internal import Upstreams

/// One prompt and its answer, by the names clients follow it with (`gateway.md §8`).
struct ChatTurn: Sendable {
    private let identity: JSONObject

    init(identity: JSONObject) { self.identity = identity }

    init(_ prompt: ChatPrompt, _ plan: ChatPlan, _ identifiers: Identifiers) {
        identity = [
            "conv_id": .string(prompt.conversationID ?? identifiers.uuid()),
            "session_id": .string(identifiers.uuid()),
            "turn_id": .string(identifiers.uuid()),
            "inference_id": .string(identifiers.uuid()),
            "idempotency_key": .string(prompt.idempotencyKey ?? identifiers.uuid()),
            "runtime_key": .string(plan.runtimeKey),
            "profile": [
                "registry": .string(plan.entry.registry.rawValue),
                "slug": .string(plan.entry.slug.rawValue),
                "version": .number(JSONNumber(plan.entry.version)),
            ],
            "runtime_fingerprint": .string(plan.fingerprint),
        ]
    }

    /// The answer of a turn that came to its end.
    func document(_ completion: Completion, upstream: String) -> JSONValue {
        var document: JSONObject = ["status": "completed"]
        for (key, value) in identity { document[key] = value }
        document["output"] = .string(completion.output)
        if !completion.toolCalls.isEmpty { document["tool_calls"] = .array(completion.toolCalls) }
        document["finish_reason"] = completion.finishReason.map { .string($0) } ?? .null
        if let usage = completion.usage {
            document["usage"] = [
                "input_tokens": .number(JSONNumber(usage.inputTokens)),
                "output_tokens": .number(JSONNumber(usage.outputTokens)),
            ]
        }
        document["upstream"] = .string(upstream)
        if let model = completion.model { document["model"] = .string(model) }
        return .object(document)
    }

    /// An event of the turn's stream; every one carries the turn's ids.
    func event(_ name: String, _ extra: JSONObject) -> [UInt8] {
        var data = identity
        data["type"] = .string(name)
        for (key, value) in extra { data[key] = value }
        return EventStreamWriter.event(name: name, data: JSONValue.object(data).encoded())
    }
}
