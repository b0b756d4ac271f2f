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
        var failure: CompletionError?
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

    func translate(_ events: UnsafeRawBufferPointer) -> [UInt8]? {
        let texts: [String] = state.withLock { state in
            guard state.failure == nil else { return [] }
            do throws(CompletionError) {
                return try state.accumulator.add(events)
            } catch {
                state.failure = error
                return []
            }
        }
        return texts.flatMap { turn.event("turn.delta", ["delta": .string($0)]) }
    }

    var failure: Problem? {
        let (failure, upstream) = state.withLock { ($0.failure, $0.upstream) }
        return failure.map { Problem(unreadableAnswerOf: upstream, $0.reason) }
    }

    func completed() -> [UInt8] {
        let (completion, upstream) = state.withLock { ($0.accumulator.completion, $0.upstream) }
        return turn.event("turn.completed", turn.document(completion, upstream: upstream).objectValue ?? [:])
    }

    func failed(_ problem: Problem) -> [UInt8] {
        turn.event("turn.failed", ["status": "failed", "error": problem.body()["error"] ?? .null])
    }
}
