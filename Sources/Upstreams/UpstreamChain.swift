internal import HTTPClient
import Synchronization

/// An upstream with its fallbacks: asks the first, again as the policy allows, then the next in order.
///
/// Once a stream has begun nothing is retried: its bytes are on their way to the client.
package struct UpstreamChain: Upstream {
    private let first: any Upstream
    private let fallbacks: [any Upstream]
    private let policy: RetryPolicy

    package init(_ first: any Upstream, fallbacks: [any Upstream] = [], policy: RetryPolicy = RetryPolicy()) {
        self.first = first
        self.fallbacks = fallbacks
        self.policy = policy
    }

    package var name: String { first.name }
    package var api: String { first.api }
    package var endpoint: String? { first.endpoint }

    @discardableResult
    package func send(
        _ request: UpstreamRequest,
        completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
    ) -> any UpstreamCall {
        let call = ChainCall([first] + fallbacks, policy, request, .collect(completion))
        call.attempt()
        return call
    }

    @discardableResult
    package func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall {
        let call = ChainCall([first] + fallbacks, policy, request, .stream(sink))
        call.attempt()
        return call
    }
}

/// One call through a chain. Attempts follow one another, so at most one is under way; the mutex guards against
/// `cancel` and `resume` from other threads. No callback runs under it.
private final class ChainCall: UpstreamCall, UpstreamSink {
    enum Receiver: Sendable {
        case collect(@Sendable (Result<UpstreamResponse, UpstreamError>) -> Void)
        case stream(any UpstreamSink)
    }

    private struct State {
        /// Let go at the end: a receiver usually holds the call too.
        var receiver: Receiver?
        var position = 0
        var retries = 0
        var attempts = 0
        /// The attempt under way; a call that belongs to an earlier one is not kept.
        var current: (any UpstreamCall)?
        var pause: Task<Void, Never>?
        var cancelled = false
    }

    private enum Step {
        case again(after: Duration)
        case next
        case giveUp
    }

    private let upstreams: [any Upstream]
    private let policy: RetryPolicy
    private let request: UpstreamRequest
    private let isStream: Bool
    private let state: Mutex<State>

    init(_ upstreams: [any Upstream], _ policy: RetryPolicy, _ request: UpstreamRequest, _ receiver: Receiver) {
        self.upstreams = upstreams
        self.policy = policy
        self.request = request
        isStream = if case .stream = receiver { true } else { false }
        state = Mutex(State(receiver: receiver))
    }

    func attempt() {
        let (upstream, number, cancelled) = state.withLock { state in
            state.attempts += 1
            state.pause = nil
            return (upstreams[state.position], state.attempts, state.cancelled)
        }
        guard !cancelled else { return end(.cancelled(upstream.name)) }
        let call: any UpstreamCall =
            isStream ? upstream.stream(request, to: self) : upstream.send(request) { self.finished($0) }
        let cancelNow = state.withLock { state in
            guard state.attempts == number else { return false }  // failed already, and a later attempt has begun
            state.current = call
            return state.cancelled
        }
        if cancelNow { call.cancel() }
    }

    func resume() {
        state.withLock { $0.current }?.resume()
    }

    func cancel() {
        let (call, pause) = state.withLock { state in
            state.cancelled = true
            return (state.current, state.pause)
        }
        pause?.cancel()
        call?.cancel()
    }

    // MARK: what comes back

    private func finished(_ result: Result<UpstreamResponse, UpstreamError>) {
        switch result {
        case .success(var response):
            response.head.attempts = state.withLock { $0.attempts }
            if case .collect(let completion) = takeReceiver() { completion(.success(response)) }
        case .failure(let error):
            failed(error)
        }
    }

    func began(_ head: UpstreamHead, call: any UpstreamCall) -> TransferDemand {
        guard let sink else { return .cancel }
        var head = head
        head.attempts = state.withLock { state in
            state.current = call
            return state.attempts
        }
        hasBegun.store(true, ordering: .relaxed)
        return sink.began(head, call: call)
    }

    func received(_ events: UnsafeRawBufferPointer) -> TransferDemand {
        sink?.received(events) ?? .cancel
    }

    func ended(_ error: UpstreamError?) {
        guard let error, !hasBegun.load(ordering: .relaxed) else {
            if case .stream(let sink) = takeReceiver() { sink.ended(error) }
            return
        }
        failed(error)
    }

    /// Written and read in the callbacks of one stream only, which come one after another.
    private let hasBegun = Atomic(false)

    private func failed(_ error: UpstreamError) {
        let step = state.withLock { state -> Step in
            state.current = nil
            guard !state.cancelled else { return .giveUp }
            if let delay = policy.delay(after: error, retries: state.retries) {
                state.retries += 1
                return .again(after: delay)
            }
            guard error.mayFallBack, state.position + 1 < upstreams.count else { return .giveUp }
            state.position += 1
            state.retries = 0
            return .next
        }
        switch step {
        case .giveUp: end(error)
        case .next: attempt()
        case .again(let delay): pause(delay)
        }
    }

    private func pause(_ delay: Duration) {
        let task = Task {
            // Cancelled: `attempt` sees it and ends the call.
            try? await Task.sleep(for: delay)
            attempt()
        }
        let cancelled = state.withLock { state in
            state.pause = task
            return state.cancelled
        }
        if cancelled { task.cancel() }
    }

    private func end(_ error: UpstreamError) {
        var error = error
        error.attempts = state.withLock { $0.attempts }
        switch takeReceiver() {
        case .collect(let completion): completion(.failure(error))
        case .stream(let sink): sink.ended(error)
        case nil: break
        }
    }

    private var sink: (any UpstreamSink)? {
        state.withLock { state in
            if case .stream(let sink) = state.receiver { sink } else { nil }
        }
    }

    private func takeReceiver() -> Receiver? {
        state.withLock { state in
            defer { state.receiver = nil }
            return state.receiver
        }
    }
}
