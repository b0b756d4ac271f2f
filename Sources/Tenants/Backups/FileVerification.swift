import Glibc

/// A tenant's files as `ls -l` shows them: modes, owner, what lies about, how much is only in the log.
struct FileVerification {
    let file: RegistryFile

    /// What is kept for somebody to look at, by the mark in its name, and the command to look with.
    private static let evidence = [".foreign-", ".replaced-", ".replay-"]
    private static let largeLog: Int64 = 64 << 20

    func checks() -> [HealthCheck] { [modes, owner, log, leftovers].compactMap { $0 } }

    private var modes: HealthCheck {
        var open: [String] = []
        var readable: [String] = []
        for path in paths {
            guard let status = FileStatus(path) else { continue }
            let isSticky = file.isElsewhere && path == file.directory && status.permissions & 0o1000 != 0
            if status.kind == .symbolicLink || status.isWritableByOthers && !isSticky {
                open.append(path)
            } else if status.permissions & 0o044 != 0 && !(file.isElsewhere && path == file.directory) {
                readable.append(path)
            }
        }
        if let path = open.first {
            return HealthCheck(
                "files.modes", .failed, "\(path) can be replaced or written by others" + Self.more(open),
                advice: "run: chmod go-w '\(path)'")
        }
        if let path = readable.first {
            return HealthCheck(
                "files.modes", .warning, "\(path) can be read by others" + Self.more(readable),
                advice: "prompts may be confidential; run: chmod go= '\(path)'")
        }
        return HealthCheck("files.modes", .ok, "only the owner can read or write \(paths.count) files and directories")
    }

    private var owner: HealthCheck {
        let strange = paths.filter { FileStatus($0).map { $0.owner != geteuid() } ?? false }
        guard let path = strange.first else { return HealthCheck("files.owner", .ok, "all are the gateway's own") }
        return HealthCheck(
            "files.owner", .warning, "\(path) belongs to user \(FileStatus(path)?.owner ?? 0)" + Self.more(strange),
            advice: "run: chown \(geteuid()) '\(path)'")
    }

    private var log: HealthCheck {
        let size = FileIdentity.of(file.writeAheadLogPath)?.size ?? 0
        let found = "\(size) bytes are in the log and not yet in the file"
        guard size > Self.largeLog else { return HealthCheck("file.log", .ok, found) }
        return HealthCheck(
            "file.log", .warning, found,
            advice: "another process keeps it from being emptied: find it with: fuser '\(file.path)'")
    }

    private var leftovers: HealthCheck {
        // A directory that cannot be listed cannot be opened in either, which the check "state" says.
        let names = (try? FileSystem.names(in: file.directory)) ?? []
        let kept = names.filter { name in
            name.hasPrefix(file.name) && Self.evidence.contains { name.contains($0) }
        }.sorted()
        let bytes = kept.reduce(Int64(0)) { $0 + (FileIdentity.of(file.directory + "/" + $1)?.size ?? 0) }
        guard let first = kept.first else { return HealthCheck("files.kept", .ok, "nothing was set aside") }
        return HealthCheck(
            "files.kept", .warning, "\(kept.count) files set aside, \(bytes) bytes, such as \(first)",
            advice: "when you have seen what was in them, remove them; only a tenant's own beyond 3 go by themselves")
    }

    /// The tenant's directory, the file, all that belongs to it, and its backups.
    private var paths: [String] {
        let backups = file.isElsewhere ? file.directory : file.directory + "/backups"
        // None yet, or not ours to list: then "backups.age" says so.
        let names = ((try? FileSystem.names(in: backups)) ?? []).filter { $0.hasPrefix(file.name + ".bak.") }.sorted()
        return
            ([file.directory, file.path, file.statePath] + file.sidePaths + (file.isElsewhere ? [] : [backups])
            + names.map { backups + "/" + $0 }).filter { FileStatus($0) != nil }
    }

    private static func more(_ paths: [String]) -> String {
        paths.count > 1 ? ", and \(paths.count - 1) more" : ""
    }
}
