import Synchronization

/// Joins a cancellation with a call that may not exist yet when it comes.
final class PendingCall: Sendable {
    private struct State {
        var call: (any UpstreamCall)?
        var cancelled = false
    }

    private let state = Mutex(State())

    func set(_ call: any UpstreamCall) {
        let cancelled = state.withLock { state in
            state.call = call
            return state.cancelled
        }
        if cancelled { call.cancel() }
    }

    func cancel() {
        let call = state.withLock { state in
            state.cancelled = true
            return state.call
        }
        call?.cancel()
    }
}
