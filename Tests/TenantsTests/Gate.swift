import Synchronization

@testable import Tenants

/// Keeps a thread of the pool waiting until the test opens it.
final class Gate: Sendable {
    private let lock = ConditionLock()
    private let isOpen = Mutex(false)
    private let arrived = Atomic<Int>(0)

    /// How many have come to it so far.
    var arrivals: Int { arrived.load(ordering: .relaxed) }

    func wait() {
        arrived.add(1, ordering: .relaxed)
        lock.withLock { while !isOpen.withLock({ $0 }) { lock.wait() } }
    }

    func open() {
        lock.withLock {
            isOpen.withLock { $0 = true }
            lock.wakeAll()
        }
    }
}
