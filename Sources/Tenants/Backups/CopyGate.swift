import Synchronization

/// Who is reading a live file through a connection of their own, and how to make them stop.
///
/// SQLite keeps one shared index of the log per inode and process: as long as such a connection is open, a writer that
/// opens the file anew joins that index instead of reading the log. After a file was overwritten in place that would
/// corrupt it, so whoever drops the connections of a file first ends the copies that run. The worker lets copies in and
/// interrupts them; each copy runs on a thread of its own.
// @unchecked: `entered` is touched only under `lock`.
final class CopyGate: @unchecked Sendable {
    private let lock = ConditionLock()
    private var entered: [ObjectIdentifier: CopyPass] = [:]

    /// Lets a copy in; it may open its connection later, unless it was interrupted before.
    func enter() -> CopyPass {
        let pass = CopyPass()
        lock.withLock { entered[ObjectIdentifier(pass)] = pass }
        return pass
    }

    /// Whether the copy may open its connection now; from here on an interruption waits for `leave`.
    func open(_ pass: CopyPass) -> Bool {
        lock.withLock {
            guard !pass.isInterrupted else { return false }
            pass.isOpen.store(true, ordering: .relaxed)
            return true
        }
    }

    /// The copy has closed its connection. Once is enough, more does no harm.
    func leave(_ pass: CopyPass) {
        lock.withLock {
            entered[ObjectIdentifier(pass)] = nil
            lock.wakeAll()
        }
    }

    /// Tells every copy to stop, ends its statement, and waits until none has a connection: as long as one step of a copy
    /// takes.
    func interrupt() {
        lock.withLock {
            for (key, pass) in entered {
                pass.interruption.cancel()
                if !pass.isOpen.load(ordering: .relaxed) { entered[key] = nil }
            }
            while !entered.isEmpty { lock.wait() }
        }
    }
}

/// One copy's permission to read.
final class CopyPass: Sendable {
    /// The file is about to be opened anew; what was copied is of no use.
    let interruption = Cancellation()
    fileprivate let isOpen = Atomic<Bool>(false)

    var isInterrupted: Bool { interruption.isCancelled }
}
