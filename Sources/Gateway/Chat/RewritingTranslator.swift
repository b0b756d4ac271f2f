internal import JSON
internal import Middlewares
internal import Synchronization
internal import Upstreams

/// Lets the middlewares rewrite a streamed answer, then hands it to the translator for the client.
///
/// What a middleware holds back goes out before the end, also before that of a stream that broke off.
final class RewritingTranslator: StreamTranslator {
    private struct State {
        var parser = EventStreamParser()
        var answer: AnswerStream
        /// Any chunk of the stream, for what is said after the last one.
        var envelope: JSONObject = ["object": "chat.completion.chunk"]
        var upstream = ""
    }

    private let state: Mutex<State>
    private let next: any StreamTranslator

    init(_ answer: AnswerStream, then next: any StreamTranslator) {
        state = Mutex(State(answer: answer))
        self.next = next
    }

    func began(_ head: UpstreamHead) -> [UInt8] {
        state.withLock { $0.upstream = head.upstream }
        return next.began(head)
    }

    func translate(_ events: UnsafeRawBufferPointer) throws(Problem) -> [UInt8]? {
        try pass(
            state.withLock { state throws(Problem) in
                let bytes = state.parser.feed(events).flatMap { Self.rewrite($0, &state) }
                guard !state.answer.hasTooManyTexts else { throw Problem(UpstreamError.tooLarge(state.upstream)) }
                return bytes
            })
    }

    func completed() -> [UInt8] { next.completed() }

    func failed(_ problem: Problem) -> [UInt8] {
        let rest = state.withLock { Self.remainder(&$0) }
        do throws(Problem) {
            return try pass(rest) + next.failed(problem)
        } catch {
            // The stream ends already, and the first reason is the one to tell.
            return next.failed(problem)
        }
    }

    private func pass(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { bytes throws(Problem) in
            try next.translate(UnsafeRawBufferPointer(bytes))
        } ?? bytes
    }

    private static func rewrite(_ event: ServerSentEvent, _ state: inout State) -> [UInt8] {
        if event.isDone { return remainder(&state) + EventStreamWriter.done }
        // What is no chunk is for whoever reads the stream to judge.
        guard var chunk = (try? JSONValue(parsing: event.data))?.objectValue else {
            return EventStreamWriter.event(data: event.data.utf8)
        }
        for key in ["id", "created", "model"] {
            if let value = chunk[key] { state.envelope[key] = value }
        }
        state.answer.rewrite(&chunk)
        return EventStreamWriter.event(data: JSONValue.object(chunk).encoded())
    }

    private static func remainder(_ state: inout State) -> [UInt8] {
        guard let chunk = state.answer.remainder(envelope: state.envelope) else { return [] }
        return EventStreamWriter.event(data: JSONValue.object(chunk).encoded())
    }
}
