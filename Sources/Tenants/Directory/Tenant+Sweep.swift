import Synchronization

/// The times the directory's sweep goes by, in nanoseconds.
enum SweepTimes {
    static let interval = Duration.milliseconds(250)
    /// After the last write, so that a plain `cp` a second later has everything (gateway.md §6).
    static let checkpointAfter: UInt64 = 300_000_000
    /// A log that grows under steady writing is emptied too, at most this seldom.
    static let checkpointAtLatest: UInt64 = 10_000_000_000
    /// Changes of others are looked for this often.
    static let checkEvery: UInt64 = 450_000_000
    /// An idle file is closed.
    static let closeAfter: UInt64 = 3_000_000_000
    /// What retention no longer keeps is looked for this long after the last change, at most and at least this often.
    static let pruneAfter: UInt64 = 1_000_000_000
    static let pruneAtLatest: UInt64 = 600_000_000_000
    static let pruneAtLeast: UInt64 = 86_400_000_000_000
}

extension Tenant {
    /// Looks whether something is due, several times a second, on a thread that may block: a checkpoint, closing idle
    /// files, a change made by others. Left to the worker while it works, as all heavy work is.
    func sweep(now: UInt64) {
        guard work.withLock({ $0.isLoaded && !$0.isShutDown && $0.beginLooking() }) else { return }
        look(now: now)
        let hasWork = work.withLock { work -> Bool in
            work.endWorking()
            return work.hasWork
        }
        if hasWork { startWorker() }
    }

    /// By whoever has the role: says what is due.
    func look(now: UInt64) {
        let (looks, isPutOff) = work.withLock { work -> (Bool, Bool) in
            guard now >= work.lastCheck + SweepTimes.checkEvery else { return (false, false) }
            work.lastCheck = now
            return (true, now < work.nextLook)
        }
        let isTriedAgain = work.withLock { $0.nextTry != 0 && now >= $0.nextTry }
        let isChanged = isTriedAgain || looks && (isPutOff ? isReplacedSinceFailedLook() : isChangedOutside())
        if isPruningDue(now: now) { startPruning() }
        work.withLock { work in
            if isChanged { work.wantsRefresh = true }
            let isHeld = work.holds > 0
            if work.isDirty && !isHeld && now >= work.nextCheckpoint && work.isCheckpointDue(now) {
                work.wantsCheckpoint = true
            }
            if work.filesAreOpen && !work.isDirty && !isHeld && now >= work.lastActivity + SweepTimes.closeAfter {
                work.wantsFilesClosed = true
            }
        }
    }

    private func isChangedOutside() -> Bool {
        sources?.isChanged() == true || store.withLock { $0.isChangedOutside() }
    }

    private func isReplacedSinceFailedLook() -> Bool { store.withLock { $0.isReplacedSinceFailedLook() } }

    /// Asks for the files to be closed early, because too many tenants have theirs open.
    func closeFilesEarly() {
        work.withLock { $0.wantsFilesClosed = true }
        startWorker()
    }
}

extension TenantWork {
    fileprivate mutating func isCheckpointDue(_ now: UInt64) -> Bool {
        now >= lastWrite + SweepTimes.checkpointAfter || now >= lastCheckpointed + SweepTimes.checkpointAtLatest
    }
}
