import JSON

/// One chat of `require-json`.
struct RequireJSONSession: MiddlewareSession {
    private let schema: JSONSchema
    private let retries: Int
    private var retriesLeft: Int
    /// The request as it left this layer; what is asked again is this and the answer that was refused.
    private var request: ChatRequestDraft?

    init(schema: JSONSchema, retries: Int) {
        self.schema = schema
        self.retries = retries
        retriesLeft = retries
    }

    var needsWholeAnswer: Bool { true }
    var changesAnswers: Bool { true }

    mutating func onRequest(_ draft: inout ChatRequestDraft) {
        draft.expectsJSON = true
        request = draft
    }

    mutating func onAnswer(
        _ answer: inout ChatAnswer, expectsJSON: Bool
    ) throws(MiddlewareRefusal) -> AnswerVerdict {
        for message in answer.messages {
            guard let text = Self.judgedText(of: message), let complaint = complaint(about: text) else { continue }
            guard retriesLeft > 0, var again = request else {
                throw MiddlewareRefusal(
                    status: 502, code: "upstream_invalid_json",
                    message: "the model's answer is not the JSON that this profile requires"
                        + (retries > 0 ? ", not even when asked again: " : ": ") + complaint.text,
                    logged: complaint.logged)
            }
            retriesLeft -= 1
            again.messages += [
                ["role": "assistant", "content": .string(text)],
                ["role": "user", "content": .string(Self.followUp(complaint.text))],
            ]
            return .askAgain(again)
        }
        return .deliver
    }

    /// The text that must be JSON; nil for a message that calls tools and says nothing, which is not yet an answer.
    private static func judgedText(of message: JSONValue) -> String? {
        let text = ChatMessage.texts(of: message).filter { $0.place == .content }.map(\.text).joined()
        let callsTools =
            message["tool_calls"]?.arrayValue?.isEmpty == false || message["function_call"]?.objectValue != nil
        return text.isEmpty && callsTools ? nil : text
    }

    /// What is wrong with an answer: in words that quote it, and in words for the log, which may not.
    private struct Complaint {
        let text: String
        let logged: String
    }

    /// What is wrong with a text; nil when nothing is.
    private func complaint(about text: String) -> Complaint? {
        let value: JSONValue
        do { value = try JSONValue(parsing: text) } catch {
            return text.isEmpty
                ? Complaint(text: "it has no text", logged: "the answer has no text")
                : Complaint(text: error.description, logged: "the answer's text is no JSON")
        }
        let violations = schema.violations(of: value, limit: 5)
        guard !violations.isEmpty else { return nil }
        let places = violations.map { $0.schemaPath.isEmpty ? "its top" : $0.schemaPath }
        return Complaint(
            text: violations.map(\.description).joined(separator: "; "),
            logged: "the answer does not satisfy the schema at \(places.joined(separator: ", "))")
    }

    private static func followUp(_ complaint: String) -> String {
        """
        Your answer was not accepted: \(complaint). Answer again with the corrected JSON document only: no \
        explanation, no code fence.
        """
    }
}
