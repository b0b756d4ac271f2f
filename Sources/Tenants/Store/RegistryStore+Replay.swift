import SQLite

// What a crash left beside the file is tried on a copy before SQLite may put it into the file.
extension RegistryStore {
    /// Makes sure of a rollback journal that lies beside the file before SQLite plays it back: returns whether there is
    /// one that may be.
    ///
    /// After a crash a journal is what brings the file back to its last commit. After another file was copied over this
    /// one it would put pages of the old one into it (origin D04). What it says of the file it was written for tells the
    /// two apart; what that leaves open, a playback on a copy does. One that does not fit is renamed.
    func settleJournal() throws(RegistryError) -> Bool {
        let leftover = try RollbackJournal.read(file.rollbackJournalPath)
        if case .nothing = leftover { return false }
        guard let status = FileStatus(file.path), try !FileLocks.areHeldElsewhere(on: status.identity) else {
            // Another process is at work on the file: SQLite's locks say whether its journal is left over.
            return false
        }
        guard case .journal(let journal) = leftover else {
            try moveAside(file.rollbackJournalPath, reason: "it is no rollback journal")
            return false
        }
        // A crash before the first page of a new file: there is nothing to bring back.
        if status.identity.size == 0 && journal.initialPages == 0 { return false }
        var reason = "it was written for another file"
        if let header = try DatabaseHeader.read(file.path), journal.canBelong(to: header) {
            let (copy, problems) = try replayOnCopy()
            try remove(copy)
            if problems.isEmpty { return true }
            reason = "played back it leaves a damaged file: \(problems.joined(separator: "; "))"
        }
        let problems = try integrityProblemsAlone()
        guard problems.isEmpty else {
            throw .quarantined(
                "\(file.path) has a rollback journal that does not fit (\(reason)) and is damaged without it "
                    + "(\(problems.joined(separator: "; "))); restore a backup")
        }
        try moveAside(file.rollbackJournalPath, reason: reason)
        return false
    }

    /// A crash inside a checkpoint: the log replayed on a copy must give a sound database.
    func checkReplayOnCopy() throws(RegistryError) {
        let (copy, problems) = try replayOnCopy()
        guard problems.isEmpty else {
            throw .quarantined(
                "\(file.path) and its log do not fit together (\(problems.joined(separator: "; "))); "
                    + "the replayed copy is \(copy.path); restore a backup")
        }
        // The copy is ours and proven equal to what the original's replay gives: it has done its duty.
        try remove(copy)
    }

    /// A crash inside a checkpoint, and another file since: a restored one, which is what was meant, or a copy of the old
    /// one with half of the checkpoint in it, which is nothing without the log. Every page and index is looked at: half a
    /// checkpoint may show in nothing but an index.
    func requireSoundnessWithoutLog() throws(RegistryError) {
        let problems = try integrityProblemsAlone()
        guard !problems.isEmpty else { return }
        throw .quarantined(
            "\(file.path) was replaced after a checkpoint that did not end, and is damaged without the log beside it "
                + "(\(problems.joined(separator: "; "))); restore a backup, or, if the log belongs to it: "
                + "rm '\(file.statePath)'")
    }

    /// What is wrong with the main file taken by itself, without its log or journal; changes nothing.
    private func integrityProblemsAlone() throws(RegistryError) -> [String] {
        try problems(of: file, options: .immutableFile)
    }

    /// Copies the file with what lies beside it, lets SQLite replay the copy, and tells what is wrong with it then.
    ///
    /// The copy is the caller's to keep or remove; when it throws there is none.
    private func replayOnCopy() throws(RegistryError) -> (copy: RegistryFile, problems: [String]) {
        let copy = RegistryFile(path: file.path + ".replay-\(environment.nowMs())")
        do throws(RegistryError) {
            try FileSystem.copy(file.path, to: copy.path)
            for (side, target) in [
                (file.writeAheadLogPath, copy.writeAheadLogPath), (file.rollbackJournalPath, copy.rollbackJournalPath),
            ] where FileStatus(side) != nil {
                try FileSystem.copy(side, to: target)
            }
            return (copy, try problems(of: copy, options: connections.options))
        } catch {
            // What could not be made or read proves nothing; left behind at every try, it would fill the disk.
            try remove(copy)
            throw error
        }
    }

    private func remove(_ copy: RegistryFile) throws(RegistryError) {
        for path in [copy.path] + copy.sidePaths { try FileSystem.removeOwn(path) }
    }

    /// Throws where SQLite itself meets damage: that may be the disk's, proves nothing, and is tried again.
    private func problems(of file: RegistryFile, options: ConnectionOptions) throws(RegistryError) -> [String] {
        try attempt {
            let connection = try Connection(path: file.path, options: options)
            defer { connection.close() }
            return try connection.integrityProblems(limit: 3)
        }
    }
}
