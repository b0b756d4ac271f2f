internal import HTTPClient
import Synchronization

/// Pushes prepared events to a sink from a task, at the sink's pace.
final class EchoStream: UpstreamCall {
    private struct State {
        /// `resume` was called since the sink was last given something.
        var resumed = false
        var cancelled = false
        /// Set while the task waits for `resume` or `cancel`.
        var waiter: CheckedContinuation<Void, Never>?
        var task: Task<Void, Never>?
        /// Let go at the end: a sink usually holds the call too.
        var sink: (any UpstreamSink)?
    }

    private let events: [[UInt8]]
    private let head: UpstreamHead
    private let delay: Duration
    private let state = Mutex(State())

    init(events: [[UInt8]], head: UpstreamHead, sink: any UpstreamSink, delay: Duration) {
        self.events = events
        self.head = head
        self.delay = delay
        state.withLock { $0.sink = sink }
    }

    func start() {
        let task = Task.detached { await self.run() }
        let cancelled = state.withLock { state in
            state.task = task
            return state.cancelled
        }
        if cancelled { task.cancel() }
    }

    func resume() {
        let waiter = state.withLock { state in
            state.resumed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func cancel() {
        let (waiter, task) = state.withLock { state in
            state.cancelled = true
            defer { state.waiter = nil }
            return (state.waiter, state.task)
        }
        task?.cancel()
        waiter?.resume()
    }

    private func run() async {
        guard let sink = state.withLock({ $0.sink }) else { return }
        defer {
            state.withLock { state in
                state.sink = nil
                state.task = nil
            }
        }
        guard await goOn(offer { sink.began(head, call: self) }) else { return sink.ended(.cancelled(head.upstream)) }
        for event in events {
            // Ends early when the call is cancelled, which `goOn` sees.
            if delay > .zero { try? await Task.sleep(for: delay) }
            guard await goOn(.more), await goOn(offer { event.withUnsafeBytes { sink.received($0) } }) else {
                return sink.ended(.cancelled(head.upstream))
            }
        }
        sink.ended(nil)
    }

    /// A `resume` for this pause may come before the sink has returned.
    private func offer(_ give: () -> TransferDemand) -> TransferDemand {
        state.withLock { $0.resumed = false }
        return give()
    }

    /// Waits as long as the sink wants to; false when the call is cancelled.
    private func goOn(_ demand: TransferDemand) async -> Bool {
        switch demand {
        case .cancel: return false
        case .more: return state.withLock { !$0.cancelled }
        case .pause: break
        }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                guard !state.cancelled, !state.resumed else { return true }
                state.waiter = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
        return state.withLock { !$0.cancelled }
    }
}
