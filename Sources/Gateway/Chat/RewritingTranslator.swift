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
    }

    private let state: Mutex<State>
    private let next: any StreamTranslator

    init(_ answer: AnswerStream, then next: any StreamTranslator) {
        state = Mutex(State(answer: answer))
        self.next = next
    }

    func began(_ head: UpstreamHead) -> [UInt8] { next.began(head) }

    func translate(_ events: UnsafeRawBufferPointer) -> [UInt8]? {
        pass(
            state.withLock { state in
                state.parser.feed(events).flatMap { Self.rewrite($0, &state) }
            })
    }

    var failure: Problem? { next.failure }

    func completed() -> [UInt8] { next.completed() }

    func failed(_ problem: Problem) -> [UInt8] {
        pass(state.withLock { Self.remainder(&$0) }) + next.failed(problem)
    }

    private func pass(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { next.translate($0) } ?? bytes
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
