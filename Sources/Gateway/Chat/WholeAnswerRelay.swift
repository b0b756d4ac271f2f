internal import HTTPServer
internal import JSON
internal import Synchronization
internal import Upstreams

/// Waits for an answer that has to be judged as a whole, for a client that asked for a stream.
///
/// What fails soon is answered with its status, as it would be without streaming. After some seconds of silence the
/// stream begins with a comment, and goes on with one as long as it takes, so that nobody takes it for dead; a failure
/// is then told as an event in it (`gateway.md §8`).
final class WholeAnswerRelay: Sendable {
    let stream = ResponseStream()
    private let translator: any StreamTranslator
    private let includesUsage: Bool
    private let onFailure: @Sendable (Problem) -> Void

    /// At most 15 s may pass in silence.
    private static let patience = Duration.seconds(10)

    private enum Phase {
        case waiting(CheckedContinuation<Result<UpstreamHead?, any Error>, Never>)
        /// The client has the stream's head.
        case streaming
        case ended
    }

    private struct State {
        var phase = Phase.ended
        var call: Task<Void, Never>?
        var isCancelled = false
    }

    private let state = Mutex(State())

    init(
        _ translator: any StreamTranslator, includesUsage: Bool, onFailure: @escaping @Sendable (Problem) -> Void
    ) {
        self.translator = translator
        self.includesUsage = includesUsage
        self.onFailure = onFailure
    }

    /// Starts the call, and returns when the client's stream can begin.
    ///
    /// Cancelling the task before that cancels the call; afterwards the stream's end does.
    ///
    /// - Returns: the upstream's head; nil when the stream begins without it.
    /// - Throws: what `answer` throws, if it does so before the client has waited too long.
    func start(
        _ answer: @escaping @Sendable () async throws -> (UpstreamHead, JSONObject)
    ) async throws -> UpstreamHead? {
        stream.onClose { [weak self] ending in
            if ending != .finished { self?.cancel() }
        }
        stream.onShutdown { [weak self] _ in self?.shutDown() }
        let result: Result<UpstreamHead?, any Error> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.phase = .waiting(continuation) }
                let call = Task.detached {
                    let result: Result<(UpstreamHead, JSONObject), any Error>
                    do { result = .success(try await answer()) } catch { result = .failure(error) }
                    self.finished(result)
                }
                let isCancelled = state.withLock { state in
                    if case .ended = state.phase { return false }
                    state.call = call
                    return state.isCancelled
                }
                if isCancelled { call.cancel() }
                keepAlive()
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    private func cancel() {
        let call = state.withLock { state in
            state.isCancelled = true
            return state.call
        }
        call?.cancel()
    }

    private func finished(_ result: Result<(UpstreamHead, JSONObject), any Error>) {
        let (phase, isCancelled) = state.withLock { state in
            defer {
                state.phase = .ended
                state.call = nil
            }
            return (state.phase, state.isCancelled)
        }
        switch (phase, result) {
        case (.ended, _): return
        case (.waiting(let continuation), .failure(let error)): continuation.resume(returning: .failure(error))
        case (.waiting(let continuation), .success((let head, let document))):
            play(head, document)
            continuation.resume(returning: .success(head))
        case (.streaming, .failure(let error)):
            let problem =
                Problem(any: error) ?? Problem(.internalServerError, code: "internal_error", "the chat failed")
            fail(problem, isLogged: !isCancelled)
        case (.streaming, .success((let head, let document))): play(head, document)
        }
    }

    /// Writes the whole answer as the stream it would have been.
    private func play(_ head: UpstreamHead, _ document: JSONObject) {
        let events = AnswerEvents.events(for: document, includesUsage: includesUsage)
        stream.write(translator.began(head))
        _ = events.withUnsafeBytes { stream.write(translator.translate($0) ?? Array($0)) }
        guard let failure = translator.failure else {
            stream.write(translator.completed())
            return stream.finish()
        }
        fail(failure, isLogged: true)
    }

    private func fail(_ problem: Problem, isLogged: Bool) {
        if isLogged { onFailure(problem) }
        stream.write(translator.failed(problem))
        stream.finish()
    }

    /// The server stops and its grace is over: the client is told, then the upstream is let go.
    private func shutDown() {
        let (isStreaming, call) = state.withLock { state in
            guard case .streaming = state.phase else { return (false, nil as Task<Void, Never>?) }
            state.phase = .ended
            defer { state.call = nil }
            return (true, state.call)
        }
        if isStreaming { fail(Problem(ServerFailure.stopping), isLogged: false) }
        call?.cancel()
    }

    /// Begins the stream when the answer keeps the client waiting, and keeps it alive from then on.
    private func keepAlive() {
        Task.detached { [weak self] in
            while true {
                try await Task.sleep(for: Self.patience)
                guard let self else { return }
                let waiting = self.state.withLock { state in
                    let phase = state.phase
                    if case .waiting = phase { state.phase = .streaming }
                    return phase
                }
                if case .ended = waiting { return }
                let flow = self.stream.write(EventStreamWriter.ping)
                if case .waiting(let continuation) = waiting { continuation.resume(returning: .success(nil)) }
                guard flow != .closed else { return }
            }
        }
    }
}
