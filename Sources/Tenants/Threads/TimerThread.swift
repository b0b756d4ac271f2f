/// One thread that starts work at its time; what it starts must be short (usually: hand over to `BlockingPool`).
package final class TimerThread: Sendable {
    package typealias Work = @Sendable () -> Void

    private let agenda = Agenda()
    private let thread: PlainThread

    /// Throws `storage` when the system gives no thread.
    package init() throws(RegistryError) {
        let agenda = agenda
        thread = try PlainThread(name: "storage-timer") { agenda.serve() }
    }

    deinit {
        agenda.stop()
    }

    /// Runs `work` once after `delay`; dropped when the thread is stopping.
    package func schedule(after delay: Duration, _ work: @escaping Work) {
        let parts = delay.components
        let nanoseconds = max(0, parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000)
        agenda.add(at: ConditionLock.now() + UInt64(nanoseconds), work)
    }

    /// Ends the thread; what is not due yet never runs. Blocks; not from the timer's own work.
    package func stop() {
        agenda.stop()
        thread.join()
    }
}

/// What the thread shares and outlives the timer with.
// @unchecked: `due` and `isStopping` are touched only under `lock`.
private final class Agenda: @unchecked Sendable {
    private struct Entry {
        let at: UInt64
        let work: TimerThread.Work
    }

    private let lock = ConditionLock()
    /// Latest first, so that the next to run is the last.
    private var due: [Entry] = []
    private var isStopping = false

    func add(at time: UInt64, _ work: @escaping TimerThread.Work) {
        lock.withLock {
            guard !isStopping else { return }
            let position = due.partitioningIndex { $0.at <= time }
            due.insert(Entry(at: time, work: work), at: position)
            lock.wakeOne()
        }
    }

    func stop() {
        let dropped = lock.withLock {
            isStopping = true
            defer { due.removeAll() }
            lock.wakeAll()
            return due
        }
        // Released outside the lock: letting go of what they hold may schedule or stop something.
        withExtendedLifetime(dropped) {}
    }

    func serve() {
        while let work = next() { work() }
    }

    private func next() -> TimerThread.Work? {
        lock.withLock {
            while !isStopping {
                guard let first = due.last else {
                    lock.wait()
                    continue
                }
                if first.at <= ConditionLock.now() {
                    due.removeLast()
                    return first.work
                }
                lock.wait(until: first.at)
            }
            return nil
        }
    }
}

extension Array {
    /// The first index whose element satisfies `belongsInSecond`, in an array that is partitioned by it.
    func partitioningIndex(where belongsInSecond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if belongsInSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
