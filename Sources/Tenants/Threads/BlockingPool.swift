import Glibc

/// A few threads that may block, and the work that waits for one of them.
///
/// Tenant writes, opening, checkpoints and backups run here. A tenant uses one thread at most, and nothing may hold
/// one while it waits for another process: such work is put off with `TimerThread`.
// @unchecked: `queue`, `head` and `isStopping` are touched only under `lock`.
package final class BlockingPool: @unchecked Sendable {
    package typealias Work = @Sendable () -> Void

    private let lock = ConditionLock()
    private var queue: [Work] = []
    private var head = 0
    private var isStopping = false
    private var threads: [PlainThread] = []

    package init(threads count: Int) {
        threads = (0..<max(1, count)).map { index in
            PlainThread(name: "storage-\(index)") { [unowned self] in self.serve() }
        }
    }

    /// Queues work; returns false, and drops it, when the pool is stopping.
    @discardableResult
    package func submit(_ work: @escaping Work) -> Bool {
        lock.withLock {
            guard !isStopping else { return false }
            queue.append(work)
            lock.wakeOne()
            return true
        }
    }

    /// Finishes what is queued and ends the threads. Blocks; not from a thread of the pool.
    package func stop() {
        lock.withLock {
            isStopping = true
            lock.wakeAll()
        }
        for thread in threads { thread.join() }
    }

    private func serve() {
        while let work = next() { work() }
    }

    private func next() -> Work? {
        lock.withLock {
            while head == queue.count && !isStopping { lock.wait() }
            guard head < queue.count else { return nil }
            let work = queue[head]
            head += 1
            if head == queue.count {
                queue.removeAll(keepingCapacity: true)
                head = 0
            }
            return work
        }
    }
}
