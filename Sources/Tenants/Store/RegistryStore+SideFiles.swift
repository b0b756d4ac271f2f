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
    /// only the change time differs: nobody can know, both are kept. Nothing is ever deleted.
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
            try requireNothingLost()
            try moveSideFilesAside(reason: "their main file is missing")
            try FileSystem.createEmptyFile(file.path)
            return FoundFiles(needsNewEpoch: true)
        }
        if isReadOnly {
            guard status.identity.size > 0 else { throw noFileToRead("is empty") }
            return FoundFiles()
        }
        if status.identity.size == 0, let recorded, recorded.identity.size > 0 {
            throw .quarantined("\(file.path) is empty but held data before; restore a backup")
        }
        guard let recorded else { return FoundFiles(needsNewEpoch: true) }
        let known = comparable(recorded.identity, with: status.identity)
        let isSame = known.hasSameContent(as: status.identity)
        guard usesWriteAheadLog, hasSideFiles else {
            return FoundFiles(needsNewEpoch: !isSame, needsIntegrityCheck: !isSame)
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

    /// A file that is missing although it held data is not made anew: an empty one would be served and backed up, and
    /// its backups would take the place of those that still hold the data.
    func requireNothingLost() throws(RegistryError) {
        if let recorded, recorded.identity.size != 0 {
            throw .quarantined(
                "\(file.path) is missing but held data before; restore a backup, "
                    + "or, to begin anew, stop the gateway and move '\(file.statePath)' away")
        }
        // Without a write-ahead log there is no record; the backups tell as well.
        for directory in Set([file.directory, BackupPlace.own(of: file).directory])
        where FileStatus(directory)?.kind == .directory {
            let names = try FileSystem.names(in: directory)
            guard let name = names.filter({ BackupName($0, of: file.name) != nil }).max() else { continue }
            throw .quarantined(
                "\(file.path) is missing but there are backups of it, such as \(directory)/\(name); restore one, "
                    + "or, to begin anew, stop the gateway and move them away")
        }
    }

    /// Renames what lies beside the file to `*.foreign-<time>`; never deletes.
    func moveSideFilesAside(reason: String) throws(RegistryError) {
        let suffix = ".foreign-\(environment.nowMs())"
        for path in file.sidePaths where FileStatus(path) != nil {
            try FileSystem.rename(path, to: path + suffix)
            log(.warning, "side file moved aside", [("path", path + suffix), ("reason", reason)])
        }
    }

    private var hasSideFiles: Bool {
        hasUncheckpointedChanges || FileStatus(file.rollbackJournalPath) != nil
    }

    /// A crash inside a checkpoint, and another file since: a restored one, which is what was meant, or a copy of the old
    /// one with half of the checkpoint in it, which is nothing without the log. Every page and index is looked at: half a
    /// checkpoint may show in nothing but an index.
    private func requireSoundnessWithoutLog() throws(RegistryError) {
        let problems = try integrityProblemsAlone()
        guard !problems.isEmpty else { return }
        throw .quarantined(
            "\(file.path) was replaced after a checkpoint that did not end, and is damaged without the log beside it "
                + "(\(problems.joined(separator: "; "))); restore a backup, or, if the log belongs to it: "
                + "rm '\(file.statePath)'")
    }

    /// What is wrong with the main file taken by itself, without its log or journal; changes nothing.
    private func integrityProblemsAlone() throws(RegistryError) -> [String] {
        do throws(SQLiteError) {
            let connection = try Connection(path: file.path, options: .immutableFile)
            defer { connection.close() }
            return try connection.integrityProblems(limit: 3)
        } catch  where error.isDamage {
            return [error.message]
        } catch {
            throw RegistryError(error, path: file.path)
        }
    }

    /// A crash inside a checkpoint: the log replayed on a copy must give a sound database.
    private func checkReplayOnCopy() throws(RegistryError) {
        let copy = RegistryFile(path: file.path + ".replay-\(environment.nowMs())")
        let problems: [String]
        do throws(RegistryError) {
            problems = try replay(on: copy)
        } catch {
            // What could not be made or read proves nothing; left behind at every try, it would fill the disk.
            if !error.isAboutTheFile { for path in [copy.path] + copy.sidePaths { try FileSystem.removeOwn(path) } }
            throw error
        }
        guard problems.isEmpty else {
            throw .quarantined(
                "\(file.path) and its log do not fit together (\(problems.joined(separator: "; "))); "
                    + "the replayed copy is \(copy.path); restore a backup")
        }
        // The copy is ours and proven equal to what the original's replay gives: it has done its duty.
        for path in [copy.path] + copy.sidePaths { try FileSystem.removeOwn(path) }
    }

    private func replay(on copy: RegistryFile) throws(RegistryError) -> [String] {
        try FileSystem.copy(file.path, to: copy.path)
        if FileStatus(file.writeAheadLogPath) != nil {
            try FileSystem.copy(file.writeAheadLogPath, to: copy.writeAheadLogPath)
        }
        return try attempt {
            let connection = try Connection(path: copy.path, options: connections.options)
            defer { connection.close() }
            return try connection.integrityProblems(limit: 3)
        }
    }
}
