/// The middlewares of one chat.
///
/// Requests pass them in the order of the profile's list, answers in reverse, as through the layers of an onion. Use:
/// `onRequest` once, then `onAnswer` for a whole answer (again for the answer to every `askAgain`), or a stream from
/// `makeStream` unless `needsWholeAnswer`.
package struct MiddlewareRun: Sendable {
    private var sessions: [any MiddlewareSession]
    private var expectsJSON = false

    init(sessions: [any MiddlewareSession]) { self.sessions = sessions }

    /// Whether a streamed chat must ask its upstream without streaming, because the answer is judged as a whole.
    package var needsWholeAnswer: Bool { sessions.contains(where: \.needsWholeAnswer) }

    /// Whether answers of this chat can come out different; if not, their bytes may pass untouched.
    ///
    /// Known once `onRequest` is through.
    package var changesAnswers: Bool { sessions.contains(where: \.changesAnswers) }

    /// - Throws: what the first middleware to object says; nothing may then be sent.
    package mutating func onRequest(_ draft: inout ChatRequestDraft) throws(MiddlewareRefusal) {
        try pass(&draft, from: 0)
    }

    /// - Throws: what the first middleware to object says; the answer may then not be delivered.
    package mutating func onAnswer(_ answer: inout ChatAnswer) throws(MiddlewareRefusal) -> AnswerVerdict {
        for index in sessions.indices.reversed() {
            guard case .askAgain(var draft) = try sessions[index].onAnswer(&answer, expectsJSON: expectsJSON) else {
                continue
            }
            // The session wrote it as of its own layer: the layers below have yet to do to it what they did before.
            draft.isFollowUp = true
            try pass(&draft, from: index + 1)
            return .askAgain(draft)
        }
        return .deliver
    }

    package func makeStream() -> AnswerStream { AnswerStream(sessions: sessions, expectsJSON: expectsJSON) }

    private mutating func pass(_ draft: inout ChatRequestDraft, from start: Int) throws(MiddlewareRefusal) {
        for index in start..<sessions.count { try sessions[index].onRequest(&draft) }
        expectsJSON = draft.expectsJSON
    }
}
