/// What a tenant's worker has to do, and whether somebody is doing it: a value that decides; its owner acts.
struct TenantWork {
    enum Job {
        case open
        case startReads
        case write([any PendingWrite])
        case hold(HoldWaiter)
        case restore(PendingRestore)
        case look
        case refresh
        case checkpoint
        case prune(PendingPruning)
        case closeFiles
        case shutDown
    }

    typealias OpenWaiter = CheckedContinuation<RegistryError?, Never>
    typealias HoldWaiter = CheckedContinuation<Result<CopyPass, RegistryError>, Never>

    /// Most members of one group commit: bounds how long the first one waits for the last.
    static let maximumGroup = 128

    /// A thread has the worker role.
    private(set) var isWorking = false
    /// A timer will start the worker again: the file was locked.
    private(set) var isPutOff = false
    private(set) var isLoaded = false
    private(set) var isShutDown = false

    /// A thread has the reader role, or will: the file stays open for it.
    private(set) var isReading = false
    /// A timer will start the reader again: the file was locked.
    private(set) var areReadsPutOff = false

    var writes: [any PendingWrite] = []
    var reads: [any PendingRead] = []
    private var openWaiters: [OpenWaiter] = []
    private var shutDownWaiters: [CheckedContinuation<Void, Never>] = []
    private var holdWaiters: [HoldWaiter] = []
    private var restores: [PendingRestore] = []
    /// Copies of the live file under way: until they end it is neither checkpointed nor closed.
    private(set) var holds = 0
    /// The sweep came by and found the role taken: its owner looks for it.
    private var wantsLook = false
    var wantsRefresh = false
    var wantsCheckpoint = false
    var wantsFilesClosed = false
    /// A look for what retention no longer keeps is under way, and what it found waits to be deleted.
    var isPruning = false
    var pruning: PendingPruning?

    /// The files are open, or hold what a plain copy would miss.
    var filesAreOpen = false
    var isDirty = false
    /// Monotonic nanoseconds.
    var lastWrite: UInt64 = 0
    var lastActivity: UInt64 = 0
    var lastCheck: UInt64 = 0
    /// Until then nobody looks at a file that could not be looked at, unless there is another.
    private(set) var nextLook: UInt64 = 0
    /// Looks at the file that failed in a row.
    private(set) var failedLooks = 0
    /// When a file found damaged is tried again although it has not changed; 0: not before it does.
    private(set) var nextTry: UInt64 = 0
    var openDeadline = ContinuousClock.Instant.now
    var putOffs = 0
    var checkpointPutOffs = 0
    var nextCheckpoint: UInt64 = 0
    /// When the log was last seen empty.
    var lastCheckpointed: UInt64 = 0
    /// When the last look for what retention no longer keeps ended, 0 for never, and when the first sweep came by.
    var lastPruned: UInt64 = 0
    var pruningBase: UInt64 = 0
    var hasWrittenSincePruning = false

    /// Nothing is going on and nothing is open: the tenant may be forgotten.
    var isQuiet: Bool {
        !isWorking && !isPutOff && !isReading && !filesAreOpen && !isDirty && holds == 0 && !hasWork
    }

    var hasWork: Bool {
        !writes.isEmpty || !reads.isEmpty || !openWaiters.isEmpty || !shutDownWaiters.isEmpty || !holdWaiters.isEmpty
            || !restores.isEmpty || wantsRefresh || wantsCheckpoint || wantsFilesClosed || pruning != nil
    }

    /// Takes the worker role if it is free.
    mutating func beginWorking() -> Bool {
        guard !isWorking && !isPutOff else { return false }
        isWorking = true
        return true
    }

    /// The same for a look, which is left to whoever has the role.
    mutating func beginLooking() -> Bool {
        let isFree = beginWorking()
        if !isFree { wantsLook = true }
        return isFree
    }

    /// The next job, or nil, which gives the role back.
    mutating func next() -> Job? {
        if !restores.isEmpty { return .restore(restores.removeFirst()) }
        if !openWaiters.isEmpty { return .open }
        // Before writes: it only opens the file, and the reader's own thread does the rest.
        if !reads.isEmpty && !isReading && !areReadsPutOff {
            isReading = true
            return .startReads
        }
        // Before writes, too: where those never cease, nothing would ever be backed up, and no change of others seen.
        if !holdWaiters.isEmpty {
            holds += 1
            return .hold(holdWaiters.removeFirst())
        }
        if Self.take(&wantsLook) { return .look }
        // Also before shutting down: after it, it would open the file again.
        if Self.take(&wantsRefresh) { return .refresh }
        if !writes.isEmpty {
            let group = Array(writes.prefix(Self.maximumGroup))
            writes.removeFirst(group.count)
            return .write(group)
        }
        if !shutDownWaiters.isEmpty && !isReading && holds == 0 {
            // From here on nothing is accepted that would open the file again.
            isShutDown = true
            return .shutDown
        }
        if holds == 0 && Self.take(&wantsCheckpoint) { return .checkpoint }
        if holds == 0, let pending = takePruning() { return .prune(pending) }
        if holds == 0 && !isReading && Self.take(&wantsFilesClosed) { return .closeFiles }
        isWorking = false
        return nil
    }

    /// Gives the role back without asking for more, for a look that found the role free.
    mutating func endWorking() {
        isWorking = false
    }

    /// The file is locked: gives the role back until the returned delay has passed.
    mutating func putOff() -> Duration {
        isWorking = false
        isPutOff = true
        putOffs += 1
        return .milliseconds(min(50, 2 << min(putOffs, 5)))
    }

    /// A look at the file failed at `now`: the next comes after about a second at first, after 4 s later.
    mutating func putOffLooking(_ now: UInt64) {
        failedLooks += 1
        nextLook = now + (450 + (250 << UInt64(min(failedLooks, 4)))) * 1_000_000
    }

    /// The file is damaged, or its disk cannot be read: it is tried again after a second, later after five minutes.
    mutating func putOffTry(_ now: UInt64) {
        nextTry = now + UInt64(min(300, 1 << min(failedLooks, 9))) * 1_000_000_000
        failedLooks += 1
    }

    /// The file was looked at, or is not worth another try before it changes.
    mutating func finishLooking(isRead: Bool) {
        (nextTry, nextLook) = (0, 0)
        if isRead { failedLooks = 0 }
    }

    mutating func resumeAfterPutOff() {
        isPutOff = false
    }

    /// The next question for the reader.
    mutating func nextRead() -> (any PendingRead)? { reads.isEmpty ? nil : reads.removeFirst() }

    mutating func endReading() {
        isReading = false
    }

    /// The reader met a lock: gives its role back until `resumeReads`, with the question first in line again.
    mutating func putOffReads(after read: any PendingRead) {
        reads.insert(read, at: 0)
        putOffReads()
    }

    private mutating func putOffReads() {
        isReading = false
        areReadsPutOff = true
    }

    mutating func resumeReads() {
        areReadsPutOff = false
    }

    /// The worker met a lock while it opened the file: the questions whose time is over; the others wait until
    /// `resumeReads`, and writes do not wait for them.
    mutating func putOffReads(now: ContinuousClock.Instant) -> [any PendingRead] {
        putOffReads()
        defer { reads.removeAll { $0.deadline <= now } }
        return reads.filter { $0.deadline <= now }
    }

    /// All questions that wait: the file cannot answer them.
    mutating func dropReads() -> [any PendingRead] {
        isReading = false
        defer { reads = [] }
        return reads
    }

    /// Asks for the file to be read; false when nothing is accepted any more.
    mutating func add(_ waiter: OpenWaiter, deadline: ContinuousClock.Instant) -> Bool {
        guard !isShutDown else { return false }
        if openWaiters.isEmpty { openDeadline = deadline }
        openWaiters.append(waiter)
        return true
    }

    mutating func addShutDownWaiter(_ waiter: CheckedContinuation<Void, Never>) {
        shutDownWaiters.append(waiter)
    }

    /// Asks for a copy to be let in; false when nothing is accepted any more.
    mutating func add(_ waiter: HoldWaiter) -> Bool {
        guard !isShutDown && shutDownWaiters.isEmpty else { return false }
        holdWaiters.append(waiter)
        return true
    }

    /// Asks for a restore; false when nothing is accepted any more.
    mutating func add(_ restore: PendingRestore) -> Bool {
        guard !isShutDown && shutDownWaiters.isEmpty else { return false }
        restores.append(restore)
        return true
    }

    /// Everything that waits to be written.
    mutating func takeWrites() -> [any PendingWrite] {
        defer { writes = [] }
        return writes
    }

    mutating func endHold() { holds -= 1 }

    /// The file has been read, though not by opening it.
    mutating func noteLoaded() { isLoaded = true }

    /// Whether a look at the file was asked for; it is then no longer.
    mutating func takeRefresh() -> Bool { Self.take(&wantsRefresh) }

    /// The file has been read, or is known to be of no use.
    mutating func finishOpening(loaded: Bool) -> [OpenWaiter] {
        isLoaded = loaded
        putOffs = 0
        defer { openWaiters = [] }
        return openWaiters
    }

    mutating func finishShutDown() -> [CheckedContinuation<Void, Never>] {
        defer { shutDownWaiters = [] }
        return shutDownWaiters
    }

    /// What waits to be deleted; it is then no longer.
    mutating func takePruning() -> PendingPruning? {
        defer { pruning = nil }
        return pruning
    }

    private static func take(_ flag: inout Bool) -> Bool {
        defer { flag = false }
        return flag
    }
}
