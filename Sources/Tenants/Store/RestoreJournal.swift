import JSON

/// What a restore moves where, written durably before the first file is touched; gone when it is over.
///
/// With it a process that starts after a crash knows which of the files found are whose, and brings either the old or the
/// new one into force (`RegistryStore.finishInterruptedRestore`).
struct RestoreJournal: Equatable {
    /// The directory of the new file, already checked; named like the file it will become.
    let staging: String
    /// What is appended to the old file's name.
    let suffix: String

    func stagedFile(of file: RegistryFile) -> RegistryFile {
        RegistryFile(path: file.directory + "/" + staging + "/" + file.name)
    }

    /// The old file's pieces and where they are kept: side files first, the main file last. Kept under the names SQLite
    /// gives them, so that the old state can be opened as it is.
    func moves(of file: RegistryFile) -> [(from: String, to: String)] {
        let kept = RegistryFile(path: file.path + suffix)
        return Array(zip(file.sidePaths, kept.sidePaths)).map { ($0, $1) }
            + [(file.statePath, kept.statePath), (file.path, kept.path)]
    }

    static func read(_ file: RegistryFile) throws(RegistryError) -> RestoreJournal? {
        guard let bytes = try FileSystem.read(file.restoreJournalPath) else { return nil }
        guard let object = (try? JSONValue(parsing: bytes))?.objectValue, let staging = object["staging"]?.stringValue,
            let suffix = object["suffix"]?.stringValue, !(staging + suffix).contains("/"), !staging.isEmpty,
            !suffix.isEmpty
        else { throw .quarantined("\(file.restoreJournalPath) is not what this program writes; move it away") }
        return RestoreJournal(staging: staging, suffix: suffix)
    }

    func write(_ file: RegistryFile) throws(RegistryError) {
        let document: JSONValue = ["staging": .string(staging), "suffix": .string(suffix)]
        try FileSystem.replace(file.restoreJournalPath, with: document.encoded() + [UInt8(ascii: "\n")])
    }

    func remove(_ file: RegistryFile) throws(RegistryError) {
        try FileSystem.removeOwn(file.restoreJournalPath)
        try FileSystem.synchroniseDirectory(file.directory)
    }
}
