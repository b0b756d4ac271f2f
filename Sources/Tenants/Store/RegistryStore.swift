import Profiles
import SQLite

/// One registry file: opening it, reading it whole, committing to it, checkpointing and closing it.
///
/// The only code that touches the file. It is used by one thread at a time, the one that has the tenant's worker role,
/// and blocks as files do. Connections come and go; what stays is `content`, the state last read or committed, and the
/// identity of the file it was read from. Its invariant: while the file's identity is the recorded one and no other
/// connection has committed (`data_version`), `content` is what the file says.
final class RegistryStore {
    let tenant: String
    let file: RegistryFile
    let options: ConnectionOptions
    let environment: TenantEnvironment
    let connections: ConnectionPool
    /// Copies that read the live file beside us.
    private let copies: CopyGate

    var content = TenantContent.empty
    /// What is mounted beside the file; nil for nothing.
    let sources: SourceMounts?
    var isLoaded = false
    /// What the file says may be something else than `content`: connections were dropped after an error, or it could not
    /// be opened or read. Nothing is built on `content` before the file has been read again.
    var owesReading = false
    /// The last opening failed; what lies beside the file is watched too, as part of what can repair it.
    var isSetAside = false
    /// Why the file or its directory was last found unsafe to use; what is asked again as long as it is so.
    var refusal: RegistryError?
    /// The main file when it could last not be looked at: nothing waits once there is another.
    var failedLookIdentity: FileIdentity?
    /// The main file as this process last left or read it.
    var mainIdentity = FileIdentity.unknown
    /// The write-ahead log when the file was closed; nil when there was none.
    var closedLogIdentity: FileIdentity?
    /// The open writer's `data_version` at which `content` was the file's.
    var dataVersion: Int64?
    /// How far the log was when it belonged to `mainIdentity` for certain: what shows a checkpoint since then explains a
    /// main file that has changed.
    var logMark: LogMark?
    /// What `profiles.db.state` says; nil when unknown or absent.
    var recorded: StateRecord?
    /// The record's own file, whose removal is one way out of quarantine.
    var recordIdentity: FileIdentity?
    /// Frames in the log from which it is worth moving it while writing goes on.
    static let framesOfLongLog = 2000
    var nextRecycling = RegistryStore.framesOfLongLog
    /// The file needs an epoch it could not be given yet, because another process held the write lock.
    var owesNewEpoch = false
    /// Where the tenant's backups go by the configuration, beside the places of the file itself.
    var backupDirectory: String?
    /// A restore is under way in this process: its journal is not one that a crash left.
    var isReplacing = false
    /// The file comes from the origin: its documents are read as the origin meant them.
    var takeoverPending = false
    /// Ends reading and taking over, for a file nobody is served from; nil for a tenant's own.
    let cancellation: Cancellation?

    init(
        tenant: String, file: RegistryFile, options: ConnectionOptions, environment: TenantEnvironment,
        copies: CopyGate = CopyGate(), sources: SourceMounts? = nil, cancellation: Cancellation? = nil
    ) {
        self.cancellation = cancellation
        self.sources = sources
        self.tenant = tenant
        self.file = file
        self.options = options
        self.environment = environment
        self.copies = copies
        // Nobody waits for a lock on a thread: the tenant retries by timer until the request's deadline.
        var patient = options
        patient.busyTimeout = .zero
        connections = ConnectionPool(path: file.path, options: patient)
    }

    var usesWriteAheadLog: Bool { options.journalMode == .wal }
    var isReadOnly: Bool { options.access == .readOnly || options.queryOnly || options.immutable }

    /// Whether the write-ahead log holds anything a plain copy of the main file would miss.
    ///
    /// After a commit of ours the log itself is not looked at: on kernels with multigrain timestamps a `stat` between two
    /// writes makes the next fsync write the inode too (measured: 140 µs became 190 µs).
    var hasUncheckpointedChanges: Bool {
        if let writer = connections.openWriter, writer.logFrames > 0 { return true }
        return (FileIdentity.of(file.writeAheadLogPath)?.size ?? 0) > 0
    }

    func log(_ level: TenantEvent.Level, _ message: String, _ details: [(key: String, value: String)] = []) {
        environment.log(TenantEvent(level, message, tenant: tenant, details))
    }

    /// Runs file work, with whatever goes wrong as a `RegistryError`.
    func attempt<Value>(_ body: () throws -> Value) throws(RegistryError) -> Value {
        do { return try body() } catch { throw RegistryError(error, path: file.path) }
    }

    /// Opens the file as gateway.md §6 has it, creates or migrates it, and reads all of it.
    ///
    /// Throws `busy` when another process holds it (nothing was changed, try again), `quarantined`/`newerSchema` when
    /// the file itself is the reason, `unsafePath`, `readOnly`, `diskFull`, `storage`.
    func open() throws(RegistryError) {
        do throws(RegistryError) {
            let found = try prepareFiles()
            try attempt { try openPrepared(found) }
        } catch {
            // Nothing of ours is in the log yet, or it is all committed: either way it must stay as it is.
            refuse(because: error)
            throw error
        }
        isSetAside = false
        refusal = nil
    }

    /// The file cannot be used as it is now.
    func refuse(because error: RegistryError) {
        drop()
        // When the file is the reason, nothing is tried before it changes; a lock or a disk in trouble may be over at the
        // next look.
        owesReading = !error.isAboutTheFile
        mainIdentity = FileIdentity.of(file.path) ?? .unknown
        isSetAside = true
        if case .unsafePath = error { refusal = error } else { refusal = nil }
    }

    private func openPrepared(_ found: FoundFiles) throws {
        let writer = try connections.writer()
        if !isReadOnly {
            try requireNothingLost(in: writer)
            try backUpBeforeTakeover(writer)
            let outcome = try RegistrySchema.prepare(writer) { writer in
                try bootstrap(writer)
            }
            if outcome.isNew { log(.info, "registry file created", [("path", file.path)]) }
            if outcome.isTakenOver { takeoverPending = true }
        }
        if found.needsIntegrityCheck { try requireIntegrity(writer) }
        owesNewEpoch = found.needsNewEpoch
        try noteMainIdentity(writer)
        try load()
        isLoaded = true
        if !isReadOnly { try settle() }
    }

    /// After opening: everything in the main file and its identity recorded, as far as other processes let us.
    private func settle() throws(RegistryError) {
        guard usesWriteAheadLog else { return try recordUnlogged() }
        if hasUncheckpointedChanges {
            _ = try checkpoint()
        } else {
            try record(.clean)
        }
    }

    /// Closes everything cleanly: checkpoint, readers, writer; no `-wal` or `-shm` is left unless another process has
    /// the file open. The content stays readable in memory.
    ///
    /// Stays open when the log could not be emptied or another process has committed something that was not taken in
    /// yet, unless `atAnyRate` (the process ends; the next start replays the log).
    func close(atAnyRate: Bool = false) throws(RegistryError) {
        guard connections.isOpen else { return }
        if hasUncheckpointedChanges && !isReadOnly {
            let isComplete: Bool
            do throws(RegistryError) {
                isComplete = try checkpoint()
            } catch {
                guard atAnyRate else { throw error }
                drop()
                throw error
            }
            guard isComplete else {
                // SQLite's own checkpoint at close would change the main file behind the record's back.
                if atAnyRate { drop() }
                return
            }
        }
        let logIdentity = FileIdentity.of(file.writeAheadLogPath)
        if !atAnyRate {
            // After the log was looked at: what is committed from here on shows in the log or in the main file.
            guard !owesReading, try isReadToTheEnd() else { return }
        }
        connections.closeIdle()
        guard !connections.isOpen else { return }
        dataVersion = nil
        let left = FileIdentity.of(file.writeAheadLogPath)
        closedLogIdentity = left?.size ?? 0 == 0 ? left : logIdentity
    }

    private func isReadToTheEnd() throws(RegistryError) -> Bool {
        guard let writer = connections.openWriter else { return true }
        return try attempt { try writer.dataVersion() } == dataVersion
    }

    /// Drops the connections without moving the log into the main file; copies that run are ended first, and what the
    /// file says is open until it is read.
    func drop() {
        copies.interrupt()
        connections.abandon()
        owesReading = true
        dataVersion = nil
        logMark = nil
        closedLogIdentity = FileIdentity.of(file.writeAheadLogPath)
        recordIdentity = FileIdentity.of(file.statePath)
    }

    /// Drops the connections of a file that cannot be used; nothing is tried before it changes.
    func setAside() {
        drop()
        owesReading = false
    }

    /// Takes the main file's present identity as ours, if the path still names the file that is open.
    ///
    /// Looked at first and asked for second: a file moved in between is not taken for ours, and found at the next look.
    func noteMainIdentity(_ writer: Connection) throws(SQLiteError) {
        let identity = FileIdentity.of(file.path)
        guard let identity, try !writer.hasMoved() else { return }
        mainIdentity = identity
    }

    /// Takes the log's mark after a commit of ours, beside the main file known before it.
    ///
    /// A log that started over under the commit was all moved before it: by us, or that main file would not be there.
    func noteLogAfterCommit(_ writer: Connection) {
        guard let now = try? writer.logMark() else { return }
        logMark = now.knowingCheckpoints(of: logMark)
    }

    /// Takes the log's present mark, unless someone is moving it into the main file: that will show there in a moment.
    func noteLog(_ writer: Connection) throws(SQLiteError) {
        guard let now = try writer.logMark() else { return }
        if let logMark, now.showsCheckpoint(since: logMark) { return }
        logMark = now.knowingCheckpoints(of: logMark)
    }

    private func requireIntegrity(_ writer: Connection) throws {
        let problems = try writer.integrityProblems(quick: true, limit: 3)
        guard problems.isEmpty else {
            throw RegistryError.damagedFile(file.path, problems.joined(separator: "; "))
        }
    }
}
