internal import HTTPClient
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

    private let phase = Mutex(Phase.ended)
    private let pending = PendingCall<Task<Void, Never>> { $0.cancel() }

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
            if ending != .finished { self?.pending.cancel() }
        }
        stream.onShutdown { [weak self] _ in self?.shutDown() }
        let result: Result<UpstreamHead?, any Error> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                phase.withLock { $0 = .waiting(continuation) }
                pending.set(
                    Task.detached {
                        let result: Result<(UpstreamHead, JSONObject), any Error>
                        do { result = .success(try await answer()) } catch { result = .failure(error) }
                        self.finished(result)
                    })
                keepAlive()
            }
        } onCancel: {
            pending.cancel()
        }
        return try result.get()
    }

    private func finished(_ result: Result<(UpstreamHead, JSONObject), any Error>) {
        let (bytes, failure) = rest(result)
        let waiting: CheckedContinuation<Result<UpstreamHead?, any Error>, Never>? = phase.withLock { phase in
            defer { phase = .ended }
            switch (phase, result) {
            case (.ended, _): return nil
            case (.waiting(let continuation), .failure): return continuation
            case (.waiting(let continuation), .success):
                close(bytes, failure)
                return continuation
            case (.streaming, _):
                close(bytes, failure)
                return nil
            }
        }
        waiting?.resume(returning: result.map { $0.0 })
    }

    /// What the stream has yet to say, and what of that is a failure.
    private func rest(_ result: Result<(UpstreamHead, JSONObject), any Error>) -> (bytes: [UInt8], failure: Problem?) {
        switch result {
        case .failure(let error):
            let problem =
                Problem(any: error) ?? Problem(.internalServerError, code: "internal_error", "the chat failed")
            return (translator.failed(problem), pending.isCancelled ? nil : problem)
        case .success((let head, let document)):
            // The whole answer as the stream it would have been.
            let events = AnswerEvents.events(for: document, includesUsage: includesUsage)
            let beginning = translator.began(head)
            do throws(Problem) {
                let answer = try events.withUnsafeBufferPointer { bytes throws(Problem) in
                    try translator.translate(UnsafeRawBufferPointer(bytes))
                }
                return (beginning + (answer ?? events) + translator.completed(), nil)
            } catch {
                return (beginning + translator.failed(error), error)
            }
        }
    }

    /// Under the lock, so that a server that stops has its last words either before these or not at all.
    private func close(_ bytes: [UInt8], _ failure: Problem?) {
        if let failure { onFailure(failure) }
        stream.write(bytes)
        stream.finish()
    }

    /// The server stops and its grace is over: the client is told, then the upstream is let go.
    private func shutDown() {
        phase.withLock { phase in
            guard case .streaming = phase else { return }
            phase = .ended
            close(translator.failed(Problem(ServerFailure.stopping)), nil)
        }
        pending.cancel()
    }

    /// Begins the stream when the answer keeps the client waiting, and keeps it alive from then on.
    private func keepAlive() {
        Task.detached { [weak self] in
            while true {
                try await Task.sleep(for: Self.patience)
                guard let self else { return }
                let waiting = self.phase.withLock { phase in
                    let before = phase
                    if case .waiting = phase { phase = .streaming }
                    return before
                }
                if case .ended = waiting { return }
                let flow = self.stream.write(EventStreamWriter.ping)
                if case .waiting(let continuation) = waiting { continuation.resume(returning: .success(nil)) }
                guard flow != .closed else { return }
            }
        }
    }
}
