import Profiles
import SQLite

// What a file has to be before it is restored. On a thread that may block.
extension BackupService {
    /// The file that is meant, and what it is called in reports. Throws `backupNotFound`.
    func locate(_ source: RestoreSource, for tenant: TenantSlug) throws -> (path: String, from: String) {
        switch source {
        case .path(let path):
            guard FileStatus(path) != nil else { throw RegistryError.backupNotFound(path) }
            let name = path.split(separator: "/").last.map(String.init) ?? path
            return (try FileSystem.realPath(FileSystem.parentDirectory(path)) + "/" + name, path)
        case .name(let name):
            guard let file = try listed(tenant).first(where: { $0.fileName == name }) else {
                throw RegistryError.backupNotFound(name)
            }
            return (file.path, name)
        }
    }

    /// A plain file that is complete by itself and that nobody here has open: closing a descriptor of a database in use
    /// would drop SQLite's locks on it.
    func requireRestorable(_ path: String, for tenant: Tenant) throws {
        guard let status = try FileSystem.checkFile(path) else { throw RegistryError.backupNotFound(path) }
        for slug in directory.slugs {
            guard let live = FileIdentity.of(directory.registryFile(of: slug).path),
                live.isSameFile(as: status.identity)
            else { continue }
            throw RegistryError.backupInvalid("\(path) is the file in use of tenant \(slug); take a backup of it first")
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        for other in Self.companions + [Self.control] where name == other || BackupName(name, of: other) != nil {
            throw RegistryError.backupInvalid(
                "\(path) is no registry file: a restore puts back registry files only; to put \(other) back, stop the "
                    + "gateway, move the present one and its -wal and -shm aside together, and copy this one there")
        }
        for side in RegistryFile(path: path).sidePaths where !side.hasSuffix("-shm") {
            guard let size = FileIdentity.of(side)?.size, size > 0, try !isSpentJournal(side) else { continue }
            throw RegistryError.backupInvalid(
                "\(side) lies beside it, so the file alone may not be all; run: "
                    + "sqlite3 '\(path)' 'PRAGMA wal_checkpoint(TRUNCATE)', or move \(side) away")
        }
    }

    /// A rollback journal that is over: with `_journal_mode=PERSIST` its header is zeroed instead of the file removed.
    private func isSpentJournal(_ path: String) throws -> Bool {
        guard path.hasSuffix("-journal") else { return false }
        return try FileSystem.read(path, limit: 8) == [UInt8](repeating: 0, count: 8)
    }

    /// Returns the manifest, if there is one. Throws `backupInvalid` when there is one and the file is not what it says.
    func requireManifest(
        of path: String, matches digest: (sha256: String, bytes: Int64)
    ) throws -> BackupManifest? {
        guard digest.bytes > 0 else { throw RegistryError.backupInvalid("\(path) is empty") }
        guard let bytes = try FileSystem.read(path + BackupManifest.suffix) else { return nil }
        guard let manifest = BackupManifest(parsing: bytes) else {
            throw RegistryError.backupInvalid(
                "its manifest \(path + BackupManifest.suffix) is torn or altered; "
                    + "if you trust the file itself, move the manifest away")
        }
        guard manifest.sha256 == digest.sha256, manifest.bytes == digest.bytes else {
            throw RegistryError.backupInvalid(
                "\(path) is not what its manifest says: SHA-256 \(digest.sha256) instead of \(manifest.sha256); "
                    + "it was changed or damaged since it was made")
        }
        return manifest
    }

    /// Another tenant's backup may be meant (a copy of a tenant is made so), or its name mistyped.
    static func doubts(_ manifest: BackupManifest?, for tenant: TenantSlug) -> [HealthCheck] {
        guard let manifest, manifest.tenant != tenant.rawValue else { return [] }
        return [
            HealthCheck(
                "backup.tenant", .warning, "it is a backup of tenant \(manifest.tenant), restored as \(tenant)",
                advice: "if that was not meant, restore one of \(tenant)'s own; what it replaces is kept")
        ]
    }

    /// Integrity of every page, and that it is a registry file at all, before anything may write to it.
    func inspect(_ path: String, _ cancellation: Cancellation) throws {
        do {
            let connection = try Connection(path: path, options: .immutableFile)
            defer { connection.close() }
            try cancellation.interrupting(connection, "checking the backup") {
                let problems = try connection.integrityProblems(limit: 3)
                guard problems.isEmpty else {
                    throw RegistryError.backupInvalid("it is damaged: \(problems.joined(separator: "; "))")
                }
                let isOurs = try connection.applicationID() == RegistrySchema.applicationID
                guard try isOurs || RegistrySchema.hasTable("profile_registries", connection) else {
                    throw RegistryError.backupInvalid("it has no table profile_registries: it is no registry file")
                }
            }
        } catch let error as SQLiteError where error.isDamage {
            throw RegistryError.backupInvalid("it is damaged or no database: \(error.message)")
        }
    }
}
