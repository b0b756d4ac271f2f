internal import HTTPClient
internal import HTTPServer
internal import JSON
internal import Synchronization
internal import Upstreams

/// Turns an upstream's events into the client's.
///
/// Called on the transport's thread, one call after another; must not block.
protocol StreamTranslator: AnyObject, Sendable {
    /// What opens the client's stream.
    func began(_ head: UpstreamHead) -> [UInt8]
    /// The client's events for some of the upstream's; nil passes the upstream's bytes on as they are.
    ///
    /// - Throws: `Problem` that ends the stream: it cannot be translated, or more of it would have to be kept than is
    ///   allowed. Only `failed` comes after it.
    func translate(_ events: UnsafeRawBufferPointer) throws(Problem) -> [UInt8]?
    /// What closes a stream that came to its proper end.
    func completed() -> [UInt8]
    /// What closes a stream that broke off; the client must be able to tell (`gateway.md §8`).
    func failed(_ problem: Problem) -> [UInt8]
}

/// Passes a streamed answer from the upstream's thread to the client's connection.
///
/// A chunk crosses without any task: the transport's thread writes it into the response's mailbox. A full mailbox
/// pauses the upstream; a client that leaves cancels it; an upstream that breaks off ends the stream with an error event
/// in a well-formed body.
final class StreamRelay: UpstreamSink {
    let stream = ResponseStream()
    private let translator: any StreamTranslator

    private enum Phase {
        case waiting(CheckedContinuation<Result<UpstreamHead, Problem>, Never>)
        case streaming
        case ended
    }

    private let phase = Mutex(Phase.ended)
    private let pending = PendingCall<any UpstreamCall> { $0.cancel() }
    /// Set by every write; the keep-alive looks whether a period passed without one.
    private let wroteRecently = Atomic<Bool>(true)

    private let onFailure: @Sendable (Problem) -> Void

    /// - Parameter onFailure: hears of a stream that ends in an error after it has begun, which no status tells any more;
    ///   not of one that nobody waits for.
    init(_ translator: any StreamTranslator, onFailure: @escaping @Sendable (Problem) -> Void) {
        self.translator = translator
        self.onFailure = onFailure
    }

    /// Starts the call and waits for its head; from then on bytes flow by themselves.
    ///
    /// Cancelling the task before the head cancels the upstream's call; afterwards the stream's end does.
    func start(_ upstream: any Upstream, _ request: UpstreamRequest) async throws(Problem) -> UpstreamHead {
        stream.onClose { [weak self] ending in
            if ending != .finished { self?.pending.cancel() }
        }
        stream.onWritable { [weak self] in self?.pending.call?.resume() }
        stream.onShutdown { [weak self] stream in self?.shutDown(stream) }
        let result: Result<UpstreamHead, Problem> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                phase.withLock { $0 = .waiting(continuation) }
                pending.set(upstream.stream(request, to: self))
            }
        } onCancel: {
            pending.cancel()
        }
        if case .success = result { keepAlive() }
        return try result.get()
    }

    // MARK: the upstream's calls

    func began(_ head: UpstreamHead, call: any UpstreamCall) -> TransferDemand {
        pending.set(call)
        if pending.isCancelled { return .cancel }
        let before = phase.withLock { phase in
            defer { phase = .streaming }
            return phase
        }
        let flow = write(translator.began(head))
        if case .waiting(let continuation) = before { continuation.resume(returning: .success(head)) }
        return demand(flow)
    }

    func received(_ events: UnsafeRawBufferPointer) -> TransferDemand {
        // Under the lock, so that nothing follows the last words of a server that stops.
        phase.withLock { phase in
            guard case .streaming = phase else { return .cancel }
            do throws(Problem) {
                if let bytes = try translator.translate(events) { return demand(write(bytes)) }
                wroteRecently.store(true, ordering: .relaxed)
                return demand(stream.write(events))
            } catch {
                phase = .ended
                onFailure(error)
                close(error)
                return .cancel
            }
        }
    }

    func ended(_ error: UpstreamError?) {
        let waiting: CheckedContinuation<Result<UpstreamHead, Problem>, Never>? = phase.withLock { phase in
            defer { phase = .ended }
            switch phase {
            case .waiting(let continuation): return continuation
            case .streaming:
                let failure = error.map { Problem($0) }
                if let failure, error?.kind != .cancelled { onFailure(failure) }
                close(failure)
            case .ended: break
            }
            return nil
        }
        guard let waiting else { return }
        let failure =
            error.map { Problem($0) } ?? Problem(.badGateway, code: "upstream_failed", "the upstream gave no answer")
        waiting.resume(returning: .failure(failure))
    }

    private func close(_ failure: Problem?) {
        write(failure.map { translator.failed($0) } ?? translator.completed())
        stream.finish()
    }

    /// The server stops and its grace is over: the client is told, then the upstream is let go.
    private func shutDown(_ stream: ResponseStream) {
        phase.withLock { phase in
            // A stream that has ended is closed already.
            guard case .streaming = phase else { return }
            phase = .ended
            close(Problem(ServerFailure.stopping))
        }
        pending.cancel()
    }

    @discardableResult
    private func write(_ bytes: [UInt8]) -> ResponseStream.Flow {
        wroteRecently.store(true, ordering: .relaxed)
        return stream.write(bytes)
    }

    private func demand(_ flow: ResponseStream.Flow) -> TransferDemand {
        switch flow {
        case .open: .more
        case .full: .pause
        case .closed: .cancel
        }
    }

    /// A comment before 15 s of silence are over, so that proxies do not take the stream for dead (`gateway.md §8`).
    private func keepAlive() {
        Task.detached { [weak self] in
            var silentLooks = 0
            while true {
                // Looking every 5 s and writing at the second silent look means at most 15 s between two writes.
                try await Task.sleep(for: .seconds(5))
                guard let self, self.isStreaming else { return }
                silentLooks = self.wroteRecently.exchange(false, ordering: .relaxed) ? 0 : silentLooks + 1
                guard silentLooks >= 2 else { continue }
                silentLooks = 0
                guard self.stream.write(EventStreamWriter.ping) != .closed else { return }
            }
        }
    }

    private var isStreaming: Bool {
        phase.withLock { phase in
            if case .streaming = phase { true } else { false }
        }
    }
}
