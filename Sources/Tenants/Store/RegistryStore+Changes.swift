import SQLite

extension RegistryStore {
    /// Whether anyone else has touched the file since `content` was read; by `stat`, and `data_version` when open.
    ///
    /// Cheap enough for every tenant several times a second; reads nothing.
    func isChangedOutside() -> Bool {
        if owesReading { return true }
        guard FileIdentity.of(file.path) == mainIdentity else { return true }
        // The directory may be what is unsafe, and the file as it was.
        if let refusal, unsafety != refusal { return true }
        guard let writer = connections.openWriter else {
            return FileIdentity.of(file.writeAheadLogPath) != closedLogIdentity
                || isSetAside && FileIdentity.of(file.statePath) != recordIdentity
        }
        // A locked file tells nothing yet; it is asked again in a moment.
        guard let version = try? writer.dataVersion() else { return false }
        return version != dataVersion
    }

    /// Whether there is another file than the one that could not be looked at: then the next look does not wait.
    func isReplacedSinceFailedLook() -> Bool { FileIdentity.of(file.path) != failedLookIdentity }

    /// Why neither the directory nor the file may be trusted now; nil when they may.
    private var unsafety: RegistryError? {
        do throws(RegistryError) {
            try FileSystem.checkDirectory(file.directory, allowsSticky: file.isElsewhere)
            _ = try FileSystem.checkFile(file.path)
            return nil
        } catch {
            return error
        }
    }

    /// Takes in whatever happened to the file: commits of others, a replaced file, one overwritten in place.
    ///
    /// Afterwards `content` is what the file says. Throws `busy` when a lock is in the way (try again), and
    /// `quarantined` when the file cannot be used.
    func takeInChanges() throws(RegistryError) {
        guard let present = FileIdentity.of(file.path) else {
            // Half-way in a restore, the opening brings one of the two files back into its place.
            if isRestoreHalfDone { return try reopen(movingSideFiles: false) }
            setAside()
            throw missing()
        }
        // Not opened to the end: everything has to be looked at again, side files first.
        if isSetAside { return try reopen(movingSideFiles: false) }
        if present == mainIdentity { return try takeInCommits() }
        guard present.hasSameContent(as: mainIdentity) else { return try takeInMainFile(present) }
        // Only mode or link count changed.
        mainIdentity = present
        if !hasUncheckpointedChanges || connections.isOpen { try record(.clean) }
        try takeInCommits()
    }

    private func takeInMainFile(_ present: FileIdentity) throws(RegistryError) {
        if let unsafety {
            // Before anything is moved: the log belongs to what comes back in its place, or does not, as the record says.
            refuse(because: unsafety)
            throw unsafety
        }
        if !present.isSameFile(as: mainIdentity) {
            log(.warning, "registry file replaced", [("path", file.path)])
            return try reopen(movingSideFiles: hasUncheckpointedChanges)
        }
        guard usesWriteAheadLog else { return try reopen(movingSideFiles: false) }
        guard let writer = connections.openWriter else {
            // Closed by us without a log: another process wrote, or the file was overwritten; both show at open.
            return try reopen(movingSideFiles: false)
        }
        if try attempt({ try isCommittedOrCheckpointed(writer) && isSound() }) {
            // Another process moved some of the log into the file, or is still doing so: the log continues the file and
            // has what is not moved yet.
            mainIdentity = present
            try record(hasUncheckpointedChanges ? .checkpoint : .clean)
            return try takeInCommits()
        }
        log(.warning, "registry file overwritten in place", [("path", file.path)])
        try reopen(movingSideFiles: hasUncheckpointedChanges)
    }

    /// Whether another process has committed or begun a checkpoint since this one last touched the file.
    private func isCommittedOrCheckpointed(_ writer: Connection) throws -> Bool {
        if try writer.dataVersion() != dataVersion { return true }
        guard let logMark, let now = try writer.logMark() else { return false }
        return now.showsCheckpoint(since: logMark)
    }

    /// Whether the changed main file and the log make one sound database. A fresh connection is asked: the writer's
    /// cache would hide what lies beneath.
    private func isSound() throws -> Bool {
        do {
            return try connections.withFreshReader { try $0.integrityProblems(quick: true, limit: 1).isEmpty }
        } catch let error as SQLiteError where error.isDamage {
            return false
        }
    }

    private func takeInCommits() throws(RegistryError) {
        let before = content
        do {
            try attempt { try load() }
        } catch {
            content = before
            throw error
        }
    }

    /// Tries a file that could not be used again, after something about it changed.
    func comeBack() throws(RegistryError) {
        // One that was never opened because it was not safe to use may be begun, if nothing says that there was data.
        let mayBegin = refusal != nil && !isLoaded
        guard FileIdentity.of(file.path) != nil || isRestoreHalfDone || mayBegin else {
            throw missing()
        }
        try reopen(movingSideFiles: false)
    }

    /// What to do about the missing file depends on what there is of it elsewhere.
    private func missing() -> RegistryError {
        do throws(RegistryError) { try requireNothingLost(because: "is missing") } catch { return error }
        return .quarantined("\(file.path) is missing; restore a backup")
    }

    private var isRestoreHalfDone: Bool { !isReadOnly && FileStatus(file.restoreJournalPath) != nil }

    /// Leaves the file as it is, without moving the log into it, and opens what is there now.
    func reopen(movingSideFiles: Bool) throws(RegistryError) {
        drop()
        if movingSideFiles { try moveSideFilesAside(reason: "the file was replaced while it was open") }
        try open()
    }
}
