import JSON
package import Profiles
import SQLite

/// Files of the origin's SQLite store: one table, one row per registry, the whole document in `payload_json`.
package enum OriginFile {
    /// Writes a new file, 0600, that the origin opens and that adoption takes over again.
    ///
    /// Throws `storage` when there is a file already, `readOnly`, `diskFull`. Blocks as files do.
    package static func write(
        _ documents: [RegistryDocument], to path: String, masksKeys: Bool
    ) throws(RegistryError) {
        try FileSystem.createEmptyFile(path)
        do {
            var options = ConnectionOptions()
            options.access = .readWrite
            // One file and nothing beside it.
            options.journalMode = .delete
            let connection = try Connection(path: path, options: options)
            defer { connection.close() }
            try connection.transaction(.immediate) {
                try connection.execute(table)
                for document in documents { try add(document, masksKeys: masksKeys, to: connection) }
            }
        } catch {
            try FileSystem.removeOwn(path)
            throw RegistryError(error, path: path)
        }
    }

    /// As the origin makes it (origin §1, prof/sqlite_store.go:14-20).
    private static let table = """
        CREATE TABLE IF NOT EXISTS profile_registries (
            slug TEXT PRIMARY KEY, payload_json TEXT NOT NULL, updated_at_ms INTEGER NOT NULL DEFAULT 0)
        """

    private static func add(
        _ document: RegistryDocument, masksKeys: Bool, to connection: Connection
    ) throws(SQLiteError) {
        let payload = OriginDocument(document, form: .stored, masksKeys: masksKeys).document.encoded()
        try connection.run(
            "INSERT INTO profile_registries (slug, payload_json, updated_at_ms) VALUES (?1, ?2, ?3)",
            .text(document.registry.slug.rawValue), .utf8(payload), .integer(document.registry.metadata.updatedAtMs))
    }
}

extension TenantDirectory {
    /// The bytes of such a file, made beside the tenants and removed again. Blocks as files do.
    package func originFile(of documents: [RegistryDocument], masksKeys: Bool) throws(RegistryError) -> [UInt8] {
        let name = String(services.environment.random(), radix: 16)
        let path = "\(configuration.data.path)/origin-export-\(name).tmp"
        try OriginFile.write(documents, to: path, masksKeys: masksKeys)
        let bytes = try FileSystem.read(path, limit: Int(FileStatus(path)?.identity.size ?? 0))
        try FileSystem.removeOwn(path)
        return bytes ?? []
    }
}
