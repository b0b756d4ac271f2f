import Glibc
import SQLite

// Putting another file in this one's place (gateway.md §10). At every moment the names on the disk say which of the two
// is in force:
//
//     new file still staged   → the old one; whatever was moved is moved back
//     new file not staged     → the new one
//
// Forward, the old file's side files are moved before it; backward, they follow it. So a missing main file with side
// files at its place means that those belong to the new one.
extension RegistryStore {
    /// Closes the file, moves it aside with all that belongs to it, and opens the staged one in its place.
    ///
    /// `content` becomes the staged one's; on any error the old file is back and was not opened. Nothing of the old file
    /// is deleted.
    func replace(by journal: RestoreJournal, content staged: TenantContent) throws(RegistryError) {
        let staging = journal.stagedFile(of: file)
        let before = (content, isLoaded)
        letGo()
        isReplacing = true
        defer { isReplacing = false }
        try journal.write(file)
        do throws(RegistryError) {
            for move in journal.moves(of: file) where FileStatus(move.from) != nil {
                try FileSystem.rename(move.from, to: move.to)
            }
            try FileSystem.rename(staging.path, to: file.path)
            // The staged file was closed clean, has its epoch and was checked: it needs none of that again.
            if usesWriteAheadLog, let identity = FileIdentity.of(file.path) {
                try StateRecord(phase: .clean, identity: identity).write(file)
            }
            content = staged
            isLoaded = true
            try open()
        } catch {
            (content, isLoaded) = before
            try putBack(journal)
            throw error
        }
    }

    /// The restore is over and the new file stays: what it needed for a way back is removed.
    func finishReplacing(_ journal: RestoreJournal) throws(RegistryError) {
        try journal.remove(file)
        try FileSystem.removeStaging(journal.stagedFile(of: file).directory)
    }

    /// Brings the old file back into force; the one that was put in its place is removed.
    func putBack(_ journal: RestoreJournal) throws(RegistryError) {
        drop()
        try moveBack(journal)
        try finishReplacing(journal)
    }

    /// A restore that a crash interrupted is completed or undone, before anything is opened.
    func finishInterruptedRestore() throws(RegistryError) {
        guard let journal = try RestoreJournal.read(file) else { return }
        let isDone = FileStatus(journal.stagedFile(of: file).path) == nil
        if !isDone { try moveBack(journal) }
        try finishReplacing(journal)
        log(
            .warning, "interrupted restore \(isDone ? "completed" : "undone")",
            [("path", file.path), ("old_file", file.path + journal.suffix)])
    }

    private func moveBack(_ journal: RestoreJournal) throws(RegistryError) {
        let staging = journal.stagedFile(of: file)
        if FileStatus(staging.path) == nil, FileStatus(file.path) != nil {
            try FileSystem.rename(file.path, to: staging.path)
        }
        if FileStatus(file.path) == nil {
            for (path, target) in zip(file.sidePaths + [file.statePath], staging.sidePaths + [staging.statePath])
            where FileStatus(path) != nil {
                try FileSystem.rename(path, to: target)
            }
        }
        for move in journal.moves(of: file).reversed() where FileStatus(move.to) != nil {
            try FileSystem.rename(move.to, to: move.from)
        }
        // Moving changed the file's change time and nothing else: its log still continues it.
        guard let record = try StateRecord.read(file), let identity = FileIdentity.of(file.path),
            record.identity.on(device: identity.device).hasSameContent(as: identity)
        else { return }
        try StateRecord(phase: record.phase, identity: identity).write(file)
    }

    /// Closes the file clean if that can be done, so that the old one is whole in one piece; else leaves it as it is.
    private func letGo() {
        if !isSetAside {
            do throws(RegistryError) {
                try close()
            } catch {
                log(.warning, "file could not be closed cleanly", [("reason", error.message)])
            }
        }
        drop()
    }
}

extension FileSystem {
    /// Removes a directory this process made for a file on its way, with what is left of it.
    static func removeStaging(_ path: String) throws(RegistryError) {
        guard FileStatus(path)?.kind == .directory else { return }
        for name in try names(in: path) { try removeOwn(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure(errno, "remove", path) }
    }
}
