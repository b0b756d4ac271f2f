package import SQLite
import Synchronization

// The reader: questions that the snapshot cannot answer, such as the history's, asked of the file itself.
//
// They run one after the other on a thread of the blocking pool, on a read-only connection beside the writer, so a
// tenant takes at most one thread more and its writes do not wait. The worker opens the writer first and keeps the file
// open until the last question is answered: a reader alone would leave side files behind, and beside a replaced file it
// would take the old log for the new file's.
extension Tenant {
    /// Most questions that wait at once; beyond it the answer is `readsBusy`.
    static let maximumWaitingReads = 256

    /// Asks the file. Any thread; nothing blocks it.
    ///
    /// `body` runs on a thread that may block, may run twice (a file replaced meanwhile), and must only read. Throws
    /// `readsBusy` when too many wait, `busy` when another process kept the file locked for the busy timeout, and what
    /// keeps the tenant from serving.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(SQLiteError) -> Value
    ) async throws(RegistryError) -> Value {
        let deadline = ContinuousClock.now + busyTimeout
        let result = await withCheckedContinuation { continuation in
            enqueue(PendingQuery(deadline: deadline, body: body, continuation: continuation))
        }
        return try result.get()
    }

    private func enqueue(_ read: any PendingRead) {
        switch state {
        case .quarantined(let error): return read.fail(error)
        case .restoring: return read.fail(.restoring(retryAfter: 1))
        case .serving, .closed: break
        }
        let refusal = work.withLock { work -> RegistryError? in
            guard !work.isShutDown else { return .closed }
            guard work.reads.count < Self.maximumWaitingReads else { return .readsBusy(retryAfter: 1) }
            work.reads.append(read)
            return nil
        }
        if let refusal { return read.fail(refusal) }
        onActivity(self)
        startWorker()
    }

    /// The worker's part: the file open and its content current, then the reader starts. Where the file is locked, a timer
    /// asks for it again.
    func performStartReads() {
        do throws(RegistryError) {
            if case .quarantined(let error) = state { throw error }
            let (content, identity) = try store.withLock { store throws(RegistryError) in
                try store.openForReading()
                return (store.content, store.mainIdentity)
            }
            publish(content)
            guard connections.options.lockingMode == .normal else { return answerBesideNobody() }
            let pass = copies.enter()
            guard services.pool.submit({ self.runReads(of: identity, pass) }) else {
                copies.leave(pass)
                throw RegistryError.closed
            }
        } catch {
            if error.isBusy {
                for read in work.withLock({ $0.putOffReads(now: .now) }) { read.fail(error) }
                return resumeReadsSoon()
            }
            if error.isAboutTheFile, state == .serving { setAside(error) }
            for read in work.withLock({ $0.dropReads() }) { read.fail(error) }
        }
    }

    /// The file is locked: holds no thread meanwhile.
    private func resumeReadsSoon() {
        services.timers.schedule(after: .milliseconds(10)) { [self] in
            work.withLock { $0.resumeReads() }
            startWorker()
        }
    }

    /// A file opened with `locking_mode=EXCLUSIVE` admits no second connection: the worker asks its own.
    private func answerBesideNobody() {
        for read in work.withLock({ $0.dropReads() }) {
            do {
                try store.withLock { store in try read.run(on: store.connections.writer()) }
                read.succeed()
            } catch {
                read.fail(RegistryError(error, path: file.path))
            }
        }
    }

    /// Answers what waits; after some questions other tenants get their turn on the thread.
    ///
    /// Who drops the file's connections waits for the question that is being answered, as for a copy (`CopyGate`).
    private func runReads(of file: FileIdentity, _ pass: CopyPass) {
        guard copies.open(pass) else { return finishReads(pass) }
        for _ in 0..<16 {
            // Dropped by the worker: it opens the file again, and the reader after it.
            let isOpen = !pass.isInterrupted && connections.openWriter != nil
            guard isOpen, let read = work.withLock({ $0.nextRead() }) else { return finishReads(pass) }
            guard answer(read, from: file, pass) else { return }
        }
        finishReads(pass)
    }

    /// Returns false when the reader has stopped: the file was replaced, or is locked and a timer will go on.
    private func answer(_ read: any PendingRead, from file: FileIdentity, _ pass: CopyPass) -> Bool {
        do {
            try connections.withReader { try read.run(on: $0) }
            guard let present = FileIdentity.of(self.file.path), present.isSameFile(as: file) else {
                // An answer out of a file that is no longer the tenant's; the worker looks at the new one first.
                work.withLock { $0.reads.insert(read, at: 0) }
                finishReads(pass)
                return false
            }
            read.succeed()
        } catch {
            let error = RegistryError(error, path: self.file.path)
            guard error.isBusy, read.deadline > .now else {
                // Whether the file is damaged or was only replaced under the reader, the worker finds out.
                if error.isAboutTheFile { work.withLock { $0.wantsRefresh = true } }
                read.fail(error)
                return true
            }
            copies.leave(pass)
            work.withLock { $0.putOffReads(after: read) }
            resumeReadsSoon()
            return false
        }
        return true
    }

    /// Gives the reader's role back; what came in meanwhile, or waited for it, is the worker's.
    private func finishReads(_ pass: CopyPass) {
        copies.leave(pass)
        let now = ConditionLock.now()
        let hasWork = work.withLock { work -> Bool in
            work.endReading()
            work.lastActivity = now
            return work.hasWork
        }
        if hasWork { startWorker() }
    }
}
