import Glibc

/// A few threads that may block, and the work that waits for one of them.
///
/// Tenant writes, opening, checkpoints and questions to the history run on one pool; backups and verifications, which
/// take long, on another. A tenant's worker uses one thread at most and its reader another, and nothing may hold one
/// while it waits for another process: such work is put off with `TimerThread`.
package final class BlockingPool: Sendable {
    package typealias Work = @Sendable () -> Void

    private let queue = WorkQueue()
    private let threads: [PlainThread]

    /// Throws `storage`, and leaves no thread behind, when the system gives fewer.
    ///
    /// - Parameter niceness: how far the threads stand back behind the others when processors are scarce, 0 to 19.
    package init(threads count: Int, name: String = "storage", niceness: Int32 = 0) throws(RegistryError) {
        let queue = queue
        var started: [PlainThread] = []
        do throws(RegistryError) {
            for index in 0..<max(1, count) {
                started.append(try PlainThread(name: "\(name)-\(index)", niceness: niceness) { queue.serve() })
            }
        } catch {
            queue.stop()
            for thread in started { thread.join() }
            throw error
        }
        threads = started
    }

    deinit {
        queue.stop()
    }

    /// Queues work; returns false, and drops it, when the pool is stopping.
    @discardableResult
    package func submit(_ work: @escaping Work) -> Bool { queue.add(work) }

    /// Finishes what is queued and ends the threads. Blocks; not from a thread of the pool.
    package func stop() {
        queue.stop()
        for thread in threads { thread.join() }
    }
}

/// What the pool's threads share and outlive the pool with.
// @unchecked: `waiting`, `head` and `isStopping` are touched only under `lock`.
private final class WorkQueue: @unchecked Sendable {
    private let lock = ConditionLock()
    /// From `head` on; before it nil, until there are as many of those as of the others.
    private var waiting: [BlockingPool.Work?] = []
    private var head = 0
    private var isStopping = false

    func add(_ work: @escaping BlockingPool.Work) -> Bool {
        lock.withLock {
            guard !isStopping else { return false }
            waiting.append(work)
            lock.wakeOne()
            return true
        }
    }

    func stop() {
        lock.withLock {
            isStopping = true
            lock.wakeAll()
        }
    }

    func serve() {
        while let work = next() { work() }
    }

    private func next() -> BlockingPool.Work? {
        lock.withLock {
            while head == waiting.count && !isStopping { lock.wait() }
            guard head < waiting.count else { return nil }
            let work = waiting[head]
            // What it holds goes with it, and its place soon, also where something else always waits.
            waiting[head] = nil
            head += 1
            if head * 2 >= waiting.count {
                waiting.removeFirst(head)
                head = 0
            }
            return work
        }
    }
}
