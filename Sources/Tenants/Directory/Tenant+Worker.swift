import Profiles
import SQLite
import Synchronization

// The worker: whoever has the role does one job after the other, then gives the role back.
extension Tenant {
    /// Queues a write; its caller is told when it is durable, or why it is not.
    func enqueue(_ write: any PendingWrite) {
        switch state {
        case .quarantined(let error): return write.fail(error)
        case .restoring: return write.fail(.restoring(retryAfter: 1))
        case .serving, .closed: break
        }
        let isOpen = work.withLock { work -> Bool in
            guard !work.isShutDown else { return false }
            work.writes.append(write)
            return true
        }
        guard isOpen else { return write.fail(.closed) }
        onActivity(self)
        startWorker()
    }

    /// Reads the file if that has not been done; a quarantined tenant counts as read.
    ///
    /// Throws what kept it from being opened, `busy` after the busy timeout; a later call tries again. `closed` once the
    /// tenant is shut down.
    /// With `looksAgain` the file is looked at even if it was read: the tenant was not watched for a while.
    func load(looksAgain: Bool = false) async throws(RegistryError) {
        if !looksAgain && isLoaded { return }
        // Not until the file is there again: a request is told to come back.
        if state == .restoring { throw .restoring(retryAfter: 1) }
        let deadline = ContinuousClock.now + busyTimeout
        let error = await withCheckedContinuation { continuation in
            let isOpen = work.withLock { work -> Bool in
                guard work.add(continuation, deadline: deadline) else { return false }
                if looksAgain && work.isLoaded { work.wantsRefresh = true }
                return true
            }
            guard isOpen else { return continuation.resume(returning: .closed) }
            startWorker()
        }
        if let error { throw error }
    }

    /// Finishes waiting writes, checkpoints and closes the file; later writes fail with `closed`.
    func shutDown() async {
        await withCheckedContinuation { continuation in
            work.withLock { $0.addShutDownWaiter(continuation) }
            startWorker()
        }
    }

    /// Starts the worker if nobody has the role.
    func startWorker() {
        guard work.withLock({ $0.beginWorking() }) else { return }
        handOver()
    }

    private func handOver() {
        guard services.pool.submit({ self.runWorker() }) else {
            // Only while the process ends, after every tenant was shut down.
            work.withLock { $0.endWorking() }
            return
        }
    }

    /// Does what there is to do; after a few jobs other tenants get their turn on the thread.
    private func runWorker() {
        for _ in 0..<16 {
            guard let job = work.withLock({ $0.next() }) else { return }
            guard perform(job) else { return }
        }
        handOver()
    }

    /// Returns false when the role was given back: the file is locked and a timer will go on.
    private func perform(_ job: TenantWork.Job) -> Bool {
        switch job {
        case .open: return performOpen()
        case .startReads: performStartReads()
        case .write(let group): return performWrites(group)
        case .hold(let waiter): performHold(waiter)
        case .restore(let restore): performRestore(restore)
        case .look: look(now: ConditionLock.now())
        case .refresh: performRefresh()
        case .checkpoint: performCheckpoint()
        case .prune(let pending): perform(pending)
        case .closeFiles: performCloseFiles()
        case .shutDown: performShutDown()
        }
        noteFiles()
        return true
    }

    private func performOpen() -> Bool {
        if isLoaded {
            if work.withLock({ $0.takeRefresh() }) { performRefresh() }
            return finishOpening(nil, loaded: true)
        }
        do throws(RegistryError) {
            publish(
                try store.withLock { store throws(RegistryError) in
                    try store.open()
                    store.sources?.reload(beside: store.content)
                    return store.content
                })
            // Reading is over; a connection is only worth its memory when a write follows.
            noteFiles()
            if work.withLock({ $0.writes.isEmpty && !$0.isDirty && $0.holds == 0 }) { performCloseFiles() }
            return finishOpening(nil, loaded: true)
        } catch {
            if error.isBusy, work.withLock({ $0.openDeadline > .now }) {
                putOff()
                return false
            }
            guard error.isAboutTheFile else { return finishOpening(error, loaded: false) }
            setAside(error)
            return finishOpening(nil, loaded: true)
        }
    }

    private func finishOpening(_ error: RegistryError?, loaded: Bool) -> Bool {
        noteFiles()
        for waiter in work.withLock({ $0.finishOpening(loaded: loaded) }) { waiter.resume(returning: error) }
        return true
    }

    private func performWrites(_ group: [any PendingWrite]) -> Bool {
        if case .quarantined(let error) = state {
            for write in group { write.fail(error) }
            return true
        }
        let (outcome, content) = store.withLock { ($0.commit(group), $0.content) }
        switch outcome {
        case .finished(let errors):
            publish(content)
            noteWrite()
            for (write, error) in zip(group, errors) {
                if let error { write.fail(error) } else { write.succeed() }
            }
            recycleLog()
        case .busy:
            return waitForLock(group)
        case .failed(let error):
            if error.isAboutTheFile {
                setAside(error)
            } else if error.failsGroup {
                // A connection that met a failing disk may be stuck (reading only, say); the next write opens another.
                // One that was opened to be read met nothing.
                store.withLock { if !$0.isReadOnly { $0.drop() } }
            }
            for write in group { write.fail(error) }
        case .unknown(let error):
            services.environment.log(
                TenantEvent(.error, "commit outcome unknown", tenant: slug.rawValue, [("reason", error.message)]))
            // What the disk says is published before anyone is told to read again.
            performRefresh()
            for write in group { write.fail(error) }
        }
        noteFiles()
        return true
    }

    /// Those whose time is over are told so; the others wait for the timer, holding no thread.
    private func waitForLock(_ group: [any PendingWrite]) -> Bool {
        let now = ContinuousClock.now
        let expired = group.filter { $0.deadline <= now }
        let waiting = group.filter { $0.deadline > now }
        noteFiles()
        for write in expired { write.fail(.busy(retryAfter: 1)) }
        guard !waiting.isEmpty else { return true }
        work.withLock { $0.writes.insert(contentsOf: waiting, at: 0) }
        putOff()
        return false
    }

    func putOff() {
        let delay = work.withLock { $0.putOff() }
        services.timers.schedule(after: delay) { [self] in
            work.withLock { $0.resumeAfterPutOff() }
            startWorker()
        }
    }

    func performRefresh() {
        do throws(RegistryError) {
            let isQuarantined = state != .serving
            publish(
                try store.withLock { store throws(RegistryError) in
                    if isQuarantined { try store.comeBack() } else { try store.takeInChanges() }
                    store.sources?.reload(beside: store.content)
                    return store.content
                })
            work.withLock { $0.finishLooking(isRead: true) }
        } catch {
            guard error.isAboutTheFile else {
                // A lock in the way, or a disk in trouble: the next look comes soon, later ones less soon.
                store.withLock { store in
                    if !error.isBusy { store.drop() }
                    store.failedLookIdentity = FileIdentity.of(store.file.path)
                }
                let now = ConditionLock.now()
                work.withLock { $0.putOffLooking(now) }
                return log("file could not be looked at", error)
            }
            setAside(error)
        }
    }

    func setAside(_ error: RegistryError) {
        store.withLock { $0.setAside() }
        let now = ConditionLock.now()
        work.withLock { work in
            if error.mayBeTheDisk { work.putOffTry(now) } else { work.finishLooking(isRead: false) }
        }
        if state != .quarantined(error) { quarantine(error) }
    }

    private func performCheckpoint() {
        guard state == .serving else { return }
        do throws(RegistryError) {
            let isComplete = try store.withLock { store throws(RegistryError) in try store.checkpoint() }
            noteCheckpoint(isComplete: isComplete)
        } catch {
            log("checkpoint failed", error)
            if !error.isBusy { store.withLock { $0.drop() } }
            noteCheckpoint(isComplete: false)
        }
    }

    /// After the answers have gone out: steady writing must not let the log grow without end.
    private func recycleLog() {
        do throws(RegistryError) {
            try store.withLock { store throws(RegistryError) in
                if store.isLogLong { try store.recycleLog() }
            }
        } catch {
            log("checkpoint failed", error)
            if !error.isBusy { store.withLock { $0.drop() } }
        }
    }

    private func performCloseFiles(isLast: Bool = false) {
        do throws(RegistryError) {
            try store.withLock { store throws(RegistryError) in try store.close(atAnyRate: isLast) }
        } catch {
            log("file could not be closed cleanly", error)
        }
    }

    private func performShutDown() {
        performCloseFiles(isLast: true)
        published.withLock { $0.state = .closed }
        for read in work.withLock({ $0.dropReads() }) { read.fail(.closed) }
        work.withLock({ $0.takePruning() })?.finish(.failure(.closed))
        for waiter in work.withLock({ $0.finishShutDown() }) { waiter.resume() }
    }

    func log(_ message: String, _ error: RegistryError) {
        services.environment.log(
            TenantEvent(.warning, message, tenant: slug.rawValue, [("reason", error.message)]))
    }
}

extension Tenant {
    private func noteWrite() {
        let now = ConditionLock.now()
        work.withLock { work in
            work.lastWrite = now
            work.hasWrittenSincePruning = true
            work.putOffs = 0
        }
    }

    private func noteFiles() {
        let isServing = state == .serving
        let (isOpen, isDirty) = store.withLock { store in
            (store.connections.isOpen, isServing && !store.isReadOnly && store.hasUncheckpointedChanges)
        }
        let now = ConditionLock.now()
        work.withLock { work in
            work.filesAreOpen = isOpen
            work.lastActivity = now
            if isDirty && !work.isDirty { work.lastCheckpointed = now }
            work.isDirty = isDirty
        }
    }

    private func noteCheckpoint(isComplete: Bool) {
        let now = ConditionLock.now()
        work.withLock { work in
            if isComplete { work.lastCheckpointed = now }
            work.checkpointPutOffs = isComplete ? 0 : work.checkpointPutOffs + 1
            work.nextCheckpoint = now + UInt64(min(5_000, 100 << min(work.checkpointPutOffs, 6))) * 1_000_000
        }
    }
}
