import SQLite

/// What lies at a registry file's path before it is opened.
struct FoundFiles {
    /// The file may not be the one the recorded epoch belongs to: created, restored, or written by someone else.
    var needsNewEpoch = false
    /// The file was replaced or written by something else: its pages are checked before it is trusted.
    var needsIntegrityCheck = false
}

extension RegistryStore {
    /// Makes sure of the file and of what lies beside it, before SQLite sees either (gateway.md §6).
    ///
    /// SQLite takes any `-wal` of the right name for the file's own. Whether it is, only the identity recorded around
    /// each checkpoint tells: equal or absent record: the log continues the file; a checkpoint was under way: it is
    /// replayed on a copy first; another file, size or time: the log belongs to what was there before and is renamed;
    /// only the change time differs: nobody can know, both are kept. Nothing is ever deleted. A rollback journal says
    /// itself which file it belongs to (`settleJournal`).
    func prepareFiles() throws(RegistryError) -> FoundFiles {
        if options.access == .readWriteCreate {
            try FileSystem.makeDirectory(file.directory, allowsSticky: file.isElsewhere)
        } else {
            try FileSystem.checkDirectory(file.directory, allowsSticky: file.isElsewhere)
        }
        if !isReadOnly && !isReplacing { try finishInterruptedRestore() }
        recorded = isReadOnly ? nil : try StateRecord.read(file)
        guard let status = try FileSystem.checkFile(file.path) else {
            if isReadOnly { throw noFileToRead("is missing") }
            guard options.access == .readWriteCreate else {
                throw .quarantined("\(file.path) is missing; restore a backup")
            }
            try requireNothingLost(because: "is missing")
            try moveSideFilesAside(reason: "their main file is missing")
            try FileSystem.createEmptyFile(file.path)
            return FoundFiles(needsNewEpoch: true)
        }
        if isReadOnly {
            guard status.identity.size > 0 else { throw noFileToRead("is empty") }
            return FoundFiles()
        }
        if status.identity.size == 0 {
            try requireNothingLost(because: "is empty")
            // SQLite would remove it.
            if hasUncheckpointedChanges { try moveAside(file.writeAheadLogPath, reason: "its main file is empty") }
        }
        let isPlayedBack = try settleJournal()
        guard let recorded else { return FoundFiles(needsNewEpoch: true) }
        let known = comparable(recorded.identity, with: status.identity)
        let isSame = known.hasSameContent(as: status.identity)
        guard usesWriteAheadLog, hasSideFiles, !isPlayedBack || hasUncheckpointedChanges else {
            return FoundFiles(needsNewEpoch: !isSame, needsIntegrityCheck: !isSame && recorded.phase != .unlogged)
        }
        if try FileLocks.areHeldElsewhere(on: status.identity) {
            // Another process has the database open, log and all: that the log belongs to the file SQLite has judged
            // there, and renaming it would let two logs grow on one file.
            return FoundFiles(needsNewEpoch: !isSame, needsIntegrityCheck: !isSame)
        }
        switch recorded.phase {
        case .checkpoint where known.isSameFile(as: status.identity) || recorded.identity == .unknown:
            try checkReplayOnCopy()
            return FoundFiles(needsNewEpoch: !isSame, needsIntegrityCheck: true)
        case .unlogged: return FoundFiles(needsNewEpoch: true)
        case .clean where known == status.identity: return FoundFiles()
        case .clean where isSame:
            throw .quarantined(
                "\(file.path) has a log that may or may not belong to it (its change time alone is new); "
                    + "to keep the log: rm '\(file.statePath)'; to keep the file as it is: "
                    + "mv '\(file.writeAheadLogPath)' '\(file.writeAheadLogPath).foreign'")
        case .checkpoint:
            try requireSoundnessWithoutLog()
            try moveSideFilesAside(reason: "the file was replaced")
            return FoundFiles(needsNewEpoch: true)
        case .clean:
            try moveSideFilesAside(reason: "the file was replaced")
            return FoundFiles(needsNewEpoch: true, needsIntegrityCheck: true)
        }
    }

    private func noFileToRead(_ state: String) -> RegistryError {
        .quarantined(
            "\(file.path) \(state), and no new one is made where it is opened to be read only (_query_only, mode=ro, "
                + "immutable); start once without that option, or restore a backup")
    }

    /// What the record says, as far as it can be compared with the file that is there: its device number only while it is
    /// the one this process has seen the file under.
    private func comparable(_ recorded: FileIdentity, with present: FileIdentity) -> FileIdentity {
        recorded.device == mainIdentity.device ? recorded : recorded.on(device: present.device)
    }

    /// Renames what lies beside the file to `*.foreign-<time>`; never deletes.
    func moveSideFilesAside(reason: String) throws(RegistryError) {
        for path in file.sidePaths where FileStatus(path) != nil { try moveAside(path, reason: reason) }
    }

    func moveAside(_ path: String, reason: String) throws(RegistryError) {
        let kept = path + ".foreign-\(environment.nowMs())"
        try FileSystem.rename(path, to: kept)
        log(.warning, "side file moved aside", [("path", kept), ("reason", reason)])
    }

    private var hasSideFiles: Bool {
        hasUncheckpointedChanges || FileStatus(file.rollbackJournalPath) != nil
    }
}
