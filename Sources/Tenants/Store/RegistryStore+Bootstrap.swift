import Glibc
import Profiles
import SQLite

extension RegistryStore {
    /// What a new file starts with: an epoch, the registry `default` and the profiles `default` and `agent`, all at
    /// version 1. In the schema's own transaction, so that no file is ever found half made.
    func bootstrap(_ writer: Connection) throws {
        let epoch = environment.random()
        try writer.run(
            "INSERT INTO gateway_meta (key, value) VALUES ('epoch', ?1)", .integer(Int64(bitPattern: epoch)))
        let context = ChangeContext(
            actor: "system", source: "bootstrap", requestID: "", nowMs: environment.nowMs())
        var transaction = RegistryTransaction(
            connection: writer, context: context, content: TenantContent(epoch: epoch, revision: 0))
        let document = Bootstrap.content(transaction.stamp(after: nil))
        try transaction.put(document.registry, action: .bootstrap)
        for profile in document.profiles {
            let isDefault = document.registry.defaultProfileSlug == profile.slug
            try transaction.put(profile, in: document.registry.slug, isDefault: isDefault, action: .bootstrap)
        }
        try writeRevision(writer, transaction.content.revision)
    }

    /// A file with registries that is not ours yet is copied beside itself before it is changed (gateway.md §6).
    func backUpBeforeTakeover(_ writer: Connection) throws {
        guard try writer.applicationID() == 0, try writer.userVersion() == 0,
            try RegistrySchema.hasTable("profile_registries", writer)
        else { return }
        try backUpBeside()
    }

    /// Copies the live file to `<file>.bak.<YYYYmmdd-HHMMSS>`, durably; a second one in the same second is numbered.
    func backUpBeside() throws {
        let target = try freeBackupPath()
        try connections.withReader { reader in
            try FileSystem.createEmptyFile(target + ".part")
            var options = ConnectionOptions()
            options.access = .readWrite
            options.journalMode = .delete
            let copy = try Connection(path: target + ".part", options: options)
            defer { copy.close() }
            _ = try Backup(from: reader, to: copy).run()
        }
        try FileSystem.synchronise(target + ".part")
        try FileSystem.rename(target + ".part", to: target)
        log(.info, "backup made before taking the file over", [("path", target)])
    }

    private func freeBackupPath() throws -> String {
        let base = file.path + ".bak." + Self.timestamp(ms: environment.nowMs())
        if FileStatus(base) == nil { return base }
        for number in 1..<1000 where FileStatus("\(base)-\(number)") == nil { return "\(base)-\(number)" }
        throw RegistryError.storage("no free name for a backup like \(base)")
    }

    /// `YYYYmmdd-HHMMSS`, local time, as the runbook's `date` gives it.
    static func timestamp(ms: Int64) -> String {
        var seconds = time_t(ms / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func padded(_ value: Int32, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return padded(parts.tm_year + 1900, 4) + padded(parts.tm_mon + 1, 2) + padded(parts.tm_mday, 2) + "-"
            + padded(parts.tm_hour, 2) + padded(parts.tm_min, 2) + padded(parts.tm_sec, 2)
    }
}
