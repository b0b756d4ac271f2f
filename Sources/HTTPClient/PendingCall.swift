import Synchronization

/// Joins a cancellation with a call that may not exist yet when it comes.
package final class PendingCall<Call: Sendable>: Sendable {
    private struct State {
        var call: Call?
        var isCancelled = false
    }

    private let state = Mutex(State())
    private let cancelling: @Sendable (Call) -> Void

    /// - Parameter cancelling: cancels the call; it may have ended already, and may be cancelled more than once.
    package init(cancelling: @escaping @Sendable (Call) -> Void) { self.cancelling = cancelling }

    package var call: Call? { state.withLock { $0.call } }
    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Cancels the call at once if that was asked for before.
    package func set(_ call: Call) {
        let isCancelled = state.withLock { state in
            state.call = call
            return state.isCancelled
        }
        if isCancelled { cancelling(call) }
    }

    package func cancel() {
        let call = state.withLock { state in
            state.isCancelled = true
            return state.call
        }
        if let call { cancelling(call) }
    }
}
