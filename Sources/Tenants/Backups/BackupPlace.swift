import Glibc
import JSON

/// A directory where backups of one file lie, and how they get there whole.
///
/// A backup comes into being under a temporary name and gets its own only when it is complete, on the disk and verified;
/// its manifest is there before it, so that a backup of ours is never without one. What a killed run left is removed by
/// the next.
struct BackupPlace {
    let directory: String
    /// The name of the file that is backed up, such as `profiles.db`.
    let base: String
    /// Nobody else writes there: temporaries found are of runs that died. Elsewhere only old ones are.
    var isOwn = true

    static let temporarySuffix = ".part"
    /// Another gateway's copy into the same directory takes no longer than that.
    private static let foreignAgeNs: Int64 = 86_400 * 1_000_000_000

    /// Where a registry file's backups lie when nothing else is said: in `backups/`, and beside a file elsewhere.
    static func own(of file: RegistryFile) -> BackupPlace {
        BackupPlace(directory: file.isElsewhere ? file.directory : file.directory + "/backups", base: file.name)
    }

    func path(_ name: String) -> String { directory + "/" + name }

    /// Makes the directory 0700 if it is missing, and removes what runs that died left in it.
    func prepare(allowsSticky: Bool = false, nowMs: Int64) throws(RegistryError) {
        try FileSystem.makeDirectory(directory, allowsSticky: allowsSticky)
        let names = Set(try FileSystem.names(in: directory))
        for name in names where isLeftover(name, among: names) {
            guard let status = FileStatus(path(name)), status.kind == .file,
                isOwn || status.identity.modifiedNs < nowMs * 1_000_000 - Self.foreignAgeNs
            else { continue }
            try FileSystem.removeOwn(path(name))
        }
    }

    /// A temporary of ours, its journal, or a manifest whose backup never got its name.
    private func isLeftover(_ name: String, among names: Set<String>) -> Bool {
        for suffix in [Self.temporarySuffix, Self.temporarySuffix + "-journal"] where name.hasSuffix(suffix) {
            var rest = String(name.dropLast(suffix.count))
            if rest.hasSuffix(BackupManifest.suffix) { rest = String(rest.dropLast(BackupManifest.suffix.count)) }
            return BackupName(rest, of: base) != nil
        }
        guard name.hasSuffix(BackupManifest.suffix) else { return false }
        let backup = String(name.dropLast(BackupManifest.suffix.count))
        return BackupName(backup, of: base) != nil && !names.contains(backup)
    }

    /// The next free name for a backup made now: after all others of this second. One that pruning has freed in it would
    /// make the newest backup look like the oldest, and have it pruned.
    func freeName(nowMs: Int64) throws(RegistryError) -> BackupName {
        let first = BackupName(of: base, ms: nowMs)
        let names = FileStatus(directory) == nil ? [] : try FileSystem.names(in: directory)
        let taken = names.compactMap { BackupName($0, of: base) }.filter { $0.stamp == first.stamp }
        var name: BackupName? = first
        if let last = taken.max(by: { $0.number < $1.number }) { name = last.following }
        while let free = name {
            if FileStatus(path(free.text)) == nil && FileStatus(path(free.text + Self.temporarySuffix)) == nil {
                return free
            }
            name = free.following
        }
        throw noName(like: first)
    }

    private func noName(like name: BackupName) -> RegistryError {
        .storage("there is no free name for a backup in the second of \(path(name.text)); try again")
    }

    /// Gives a complete temporary its name, never over another file, with its manifest before it; durable.
    func adopt(_ temporary: String, as wanted: BackupName, _ manifest: BackupManifest) throws(RegistryError)
        -> BackupName
    {
        var name = wanted
        while true {
            let manifestPath = path(name.text + BackupManifest.suffix)
            try FileSystem.replace(manifestPath, with: manifest.document().encoded() + [UInt8(ascii: "\n")])
            if try FileSystem.moveWithoutReplacing(temporary, to: path(name.text)) { return name }
            // Somebody took the name in this very second.
            try FileSystem.removeOwn(manifestPath)
            guard let next = name.following else { throw noName(like: name) }
            name = next
        }
    }

    /// The backups there, newest first. A missing directory has none.
    func list() throws(RegistryError) -> [BackupFile] {
        try names().compactMap { BackupFile($0, in: self) }.sorted { $1.isOlder(than: $0) }
    }

    /// The names of backups there, newest first by what they say themselves. A missing directory has none.
    func names() throws(RegistryError) -> [BackupName] {
        guard FileStatus(directory)?.kind == .directory else { return [] }
        return try FileSystem.names(in: directory).compactMap { BackupName($0, of: base) }.sorted {
            ($0.stamp, $0.number) > ($1.stamp, $1.number)
        }
    }

    /// Removes a backup and its manifest: the backup first, so that one without the other is never taken for one.
    func remove(_ file: BackupFile) throws(RegistryError) {
        try FileSystem.removeOwn(file.path)
        try FileSystem.removeOwn(file.path + BackupManifest.suffix)
        try FileSystem.synchroniseDirectory(directory)
    }

    /// Removes those beyond the retention's bounds; never the one that was just made. Returns their names.
    ///
    /// One whose name or manifest claims a time still to come (a wrong clock, a copy named by hand) is never too old, and
    /// counts behind all others: it must not take the place of one whose age is known.
    func prune(_ retention: BackupRetention, keeping made: BackupName, nowMs: Int64) throws(RegistryError) -> [String] {
        let files = try list().filter { $0.name != made }
        let ordered = files.filter { $0.createdAtMs <= nowMs } + files.filter { $0.createdAtMs > nowMs }
        var removed: [String] = []
        // The new one is the first of those that are kept.
        for (index, file) in ordered.enumerated() where !retention.keeps(file, at: index + 1, nowMs: nowMs) {
            try remove(file)
            removed.append(file.name.text)
        }
        return removed
    }
}

/// How many backups are kept, and for how long.
package struct BackupRetention: Sendable, Equatable {
    /// The newest so many; nil: any number.
    package var keep: Int?
    package var maximumAge: Duration?

    package static let standard = BackupRetention(keep: 14)

    package init(keep: Int? = nil, maximumAge: Duration? = nil) {
        self.keep = keep
        self.maximumAge = maximumAge
    }

    func keeps(_ file: BackupFile, at index: Int, nowMs: Int64) -> Bool {
        if let keep, index >= max(1, keep) { return false }
        if let maximumAge, nowMs - file.createdAtMs > maximumAge.components.seconds * 1000 { return false }
        return true
    }
}
