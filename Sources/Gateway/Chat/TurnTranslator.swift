internal import HTTPServer
internal import JSON
internal import Synchronization
internal import Upstreams

/// Makes the events of `POST /chat` out of an OpenAI stream: `turn.started`, `turn.delta`, `turn.completed` or
/// `turn.failed` (`gateway.md §8`).
final class TurnTranslator: StreamTranslator {
    private struct State {
        var accumulator = CompletionAccumulator()
        var upstream = ""
    }

    private let turn: ChatTurn
    private let state = Mutex(State())

    init(_ turn: ChatTurn) {
        self.turn = turn
    }

    func began(_ head: UpstreamHead) -> [UInt8] {
        state.withLock { $0.upstream = head.upstream }
        return turn.event("turn.started", ["status": "running", "upstream": .string(head.upstream)])
    }

    func translate(_ events: UnsafeRawBufferPointer) throws(Problem) -> [UInt8]? {
        do throws(CompletionError) {
            let texts = try state.withLock { state throws(CompletionError) in try state.accumulator.add(events) }
            return texts.flatMap { turn.event("turn.delta", ["delta": .string($0)]) }
        } catch {
            let upstream = state.withLock { $0.upstream }
            throw error.isTooLarge
                ? Problem(UpstreamError.tooLarge(upstream)) : Problem(unreadableAnswerOf: upstream, error.reason)
        }
    }

    func completed() -> [UInt8] {
        let (completion, upstream) = state.withLock { ($0.accumulator.completion, $0.upstream) }
        return turn.event("turn.completed", turn.document(completion, upstream: upstream).objectValue ?? [:])
    }

    func failed(_ problem: Problem) -> [UInt8] {
        turn.event("turn.failed", ["status": "failed", "error": problem.body()["error"] ?? .null])
    }
}
