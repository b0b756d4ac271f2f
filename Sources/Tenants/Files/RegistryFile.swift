/// The paths of one registry file and what lies beside it.
package struct RegistryFile: Sendable, Equatable {
    package let path: String
    /// The file lies where its operator wanted it, maybe in a sticky directory that others write too, as `/tmp`.
    package let isElsewhere: Bool

    package init(path: String, isElsewhere: Bool = false) {
        self.path = path
        self.isElsewhere = isElsewhere
    }

    package var directory: String { FileSystem.parentDirectory(path) }
    /// The last part of the path, such as `profiles.db`.
    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    package var statePath: String { path + ".state" }
    package var lockPath: String { path + ".lock" }
    /// Says that a restore is under way, and what it moves where.
    package var restoreJournalPath: String { path + ".restoring" }
    package var writeAheadLogPath: String { path + "-wal" }
    package var sharedMemoryPath: String { path + "-shm" }
    package var rollbackJournalPath: String { path + "-journal" }

    /// Everything SQLite may have left beside the file and would take for the file's own.
    var sidePaths: [String] { [writeAheadLogPath, sharedMemoryPath, rollbackJournalPath] }
}
