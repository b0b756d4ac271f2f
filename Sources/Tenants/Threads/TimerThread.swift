/// One thread that starts work at its time; what it starts must be short (usually: hand over to `BlockingPool`).
// @unchecked: `due`, `sequence` and `isStopping` are touched only under `lock`.
package final class TimerThread: @unchecked Sendable {
    package typealias Work = @Sendable () -> Void

    private struct Entry {
        let at: UInt64
        let work: Work
    }

    private let lock = ConditionLock()
    /// Latest first, so that the next to run is the last.
    private var due: [Entry] = []
    private var isStopping = false
    private var thread: PlainThread?

    package init() {
        thread = PlainThread(name: "storage-timer") { [unowned self] in self.serve() }
    }

    /// Runs `work` once after `delay`; dropped when the thread is stopping.
    package func schedule(after delay: Duration, _ work: @escaping Work) {
        let parts = delay.components
        let nanoseconds = max(0, parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000)
        let at = ConditionLock.now() + UInt64(nanoseconds)
        lock.withLock {
            guard !isStopping else { return }
            let position = due.partitioningIndex { $0.at <= at }
            due.insert(Entry(at: at, work: work), at: position)
            lock.wakeOne()
        }
    }

    /// Ends the thread; what is not due yet never runs. Blocks; not from the timer's own work.
    package func stop() {
        lock.withLock {
            isStopping = true
            due.removeAll()
            lock.wakeAll()
        }
        thread?.join()
    }

    private func serve() {
        while let work = next() { work() }
    }

    private func next() -> Work? {
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
