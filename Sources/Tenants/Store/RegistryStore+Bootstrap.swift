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
    ///
    /// By the worker, who may be inside the transaction that is about to change the file: what is committed is copied.
    func backUpBeside() throws {
        let place = BackupPlace(directory: file.directory, base: file.name)
        let target = place.path(try place.freeName(nowMs: environment.nowMs()).text)
        // Not `.part`: a backup that cleans up after a run that died must not take this one for a leftover.
        let temporary = target + ".takeover"
        try FileSystem.removeOwn(temporary)
        do {
            try connections.withReader { reader in try copy(reader, to: temporary) }
            try FileSystem.synchronise(temporary)
            try FileSystem.rename(temporary, to: target)
        } catch {
            // Left behind at every try, it would fill the disk.
            try FileSystem.removeOwn(temporary)
            throw error
        }
        log(.info, "backup made before taking the file over", [("path", target)])
    }

    private func copy(_ reader: Connection, to path: String) throws {
        try FileSystem.createEmptyFile(path)
        var options = ConnectionOptions()
        options.access = .readWrite
        options.journalMode = .delete
        let copy = try Connection(path: path, options: options)
        defer { copy.close() }
        let isComplete = try Backup(from: reader, to: copy).run { _, _ in !(cancellation?.isCancelled ?? false) }
        guard isComplete else { throw RegistryError.cancelled("copying \(file.path)") }
    }
}
