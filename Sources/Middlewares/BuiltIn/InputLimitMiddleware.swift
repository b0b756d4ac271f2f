import JSON
import Profiles

/// `input-limit`: refuses requests with too many messages or characters.
///
/// Counted is what the client sent: its messages, and the Unicode code points of all their texts. The profile's own
/// prompt and what other middlewares add to it do not count, nor does the question after a refused answer.
struct InputLimitMiddleware: ChatMiddleware, MiddlewareSession {
    private let maximumMessages: Int
    private let maximumCharacters: Int

    static func kind() throws(ValidationError) -> MiddlewareKind {
        try MiddlewareKind(
            name: "input-limit", displayName: "Input Limit",
            description: "Refuses requests with more messages or characters than allowed.",
            schema: [
                "type": "object",
                "properties": [
                    "max_messages": ["type": "integer", "minimum": 1, "description": "Messages in one request."],
                    "max_characters": [
                        "type": "integer", "minimum": 1,
                        "description": "Unicode code points in all texts of the messages together.",
                    ],
                ],
                "minProperties": 1, "additionalProperties": false,
            ]
        ) { config in
            InputLimitMiddleware(
                maximumMessages: limit(config["max_messages"]), maximumCharacters: limit(config["max_characters"]))
        }
    }

    private static func limit(_ value: JSONValue?) -> Int {
        value?.numberValue?.integral.flatMap { Int(exactly: $0) } ?? .max
    }

    func makeSession() -> any MiddlewareSession { self }

    func onRequest(_ draft: inout ChatRequestDraft) throws(MiddlewareRefusal) {
        guard !draft.isFollowUp else { return }
        let messages = draft.messages
        try judge(messages.count, "messages", maximumMessages, "max_messages")
        guard maximumCharacters < .max else { return }
        let characters = messages.reduce(0) { count, message in
            ChatMessage.texts(of: message).reduce(count) { $0 + $1.text.unicodeScalars.count }
        }
        try judge(characters, "characters", maximumCharacters, "max_characters")
    }

    private func judge(
        _ actual: Int, _ unit: String, _ limit: Int, _ name: String
    ) throws(MiddlewareRefusal) {
        guard actual > limit else { return }
        throw MiddlewareRefusal(
            status: 400, code: "input_limit_exceeded",
            message: "the request has \(actual) \(unit); this profile allows at most \(limit) (\(name))", param: name)
    }
}
