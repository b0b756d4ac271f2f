import Profiles
import Synchronization

/// One at a time per tenant, in order of arrival; nobody waits on a thread. Nil stands for the data directory's own.
final class TurnByTenant: Sendable {
    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        /// Of the tenants that somebody has the turn of.
        var waiting: [TenantSlug?: [Waiter]] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Waits for the tenant's turn; `end` must follow. False when the task was cancelled before its turn came: then it
    /// must not.
    func begin(_ tenant: TenantSlug?) async -> Bool {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Bool? in
                    // Asked under the lock: a cancellation after this finds the waiter.
                    if Task.isCancelled { return false }
                    guard state.waiting[tenant] != nil else {
                        state.waiting[tenant] = []
                        return true
                    }
                    state.waiting[tenant]?.append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            leave(tenant, number)
        }
    }

    func end(_ tenant: TenantSlug?) {
        let next = state.withLock { state -> Waiter? in
            guard state.waiting[tenant]?.isEmpty == false else {
                state.waiting[tenant] = nil
                return nil
            }
            return state.waiting[tenant]?.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }

    private func leave(_ tenant: TenantSlug?, _ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiting[tenant]?.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiting[tenant]?.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }
}
