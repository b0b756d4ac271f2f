/// One configured middleware: immutable, shared by all chats of an effective runtime.
package protocol ChatMiddleware: Sendable {
    /// What this middleware keeps for one chat.
    func makeSession() -> any MiddlewareSession
}

/// A middleware's part in one chat: first the request, then the answer, whole or streamed.
///
/// A session is used by one task at a time. On the way down the sessions are called in reverse order, each seeing the
/// answer as the one below it left it.
package protocol MiddlewareSession: Sendable {
    /// Whether it can only judge a whole answer: the upstream is then asked without streaming.
    var needsWholeAnswer: Bool { get }
    /// Whether it has anything to do with the answer, known once the request went through.
    var changesAnswers: Bool { get }

    mutating func onRequest(_ draft: inout ChatRequestDraft) throws(MiddlewareRefusal)
    mutating func onAnswer(_ answer: inout ChatAnswer, expectsJSON: Bool) throws(MiddlewareRefusal) -> AnswerVerdict
    /// A filter for one streamed text; nil when text passes as it is.
    func makeStreamFilter(for place: ChatTextPlace, expectsJSON: Bool) -> (any TextStreamFilter)?
}

extension MiddlewareSession {
    package var needsWholeAnswer: Bool { false }
    package var changesAnswers: Bool { false }

    package mutating func onAnswer(
        _ answer: inout ChatAnswer, expectsJSON: Bool
    ) throws(MiddlewareRefusal) -> AnswerVerdict { .deliver }

    package func makeStreamFilter(for place: ChatTextPlace, expectsJSON: Bool) -> (any TextStreamFilter)? { nil }
}

/// What is to be done with an answer.
package enum AnswerVerdict: Sendable, Equatable {
    case deliver
    /// Ask the upstream once more, with this request; its answer takes the place of the one refused.
    case askAgain(ChatRequestDraft)
}

/// Rewrites one text that arrives in pieces, holding back only what could be the start of something to replace.
package protocol TextStreamFilter: Sendable {
    /// Takes the next piece, cut anywhere, and appends what is certain.
    mutating func push(_ piece: [UInt8], into output: inout [UInt8])
    /// Appends what was held back; nothing comes after this.
    mutating func finish(into output: inout [UInt8])
}
