import Profiles
import Synchronization

/// One at a time per tenant, in order of arrival; nobody waits on a thread. Nil stands for the data directory's own.
final class TurnByTenant: Sendable {
    private let waiting = Mutex<[TenantSlug?: [CheckedContinuation<Void, Never>]]>([:])

    /// Waits for the tenant's turn; `end` must follow.
    func begin(_ tenant: TenantSlug?) async {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting -> Bool in
                guard waiting[tenant] != nil else {
                    waiting[tenant] = []
                    return true
                }
                waiting[tenant]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func end(_ tenant: TenantSlug?) {
        let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard waiting[tenant]?.isEmpty == false else {
                waiting[tenant] = nil
                return nil
            }
            return waiting[tenant]?.removeFirst()
        }
        next?.resume()
    }
}
