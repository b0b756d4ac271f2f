import Glibc
import JSON
import Profiles
import SQLite

/// Reads the files of sources: only inside the operator's directories, never one of the gateway's own.
struct SourceFiles: Sendable {
    private static let maximumBytes = 64 << 20

    let reading: SourceReading
    /// What the gateway itself keeps databases in: opening one here and closing it again would drop the
    /// locks SQLite has on it (docs/architecture.md, invariant 4), and one tenant's file is no other tenant's source.
    let ownPlaces: [String]

    /// The file, and for a database its log: what has to change for the content to change.
    func identities(of source: RegistrySource) -> [FileIdentity?] {
        // Of what a link points to: a mounted configuration directory is replaced by moving a link.
        guard let path = Self.resolved(source.path) else { return [nil] }
        return [FileIdentity.of(path), FileIdentity.of(path + "-wal")]
    }

    func read(_ source: RegistrySource) throws(SourceFailure) -> [RegistryDocument] {
        guard let path = Self.resolved(source.path) else {
            throw SourceFailure("cannot be found: \(String(cString: strerror(errno)))")
        }
        guard !Self.lies(path, in: ownPlaces.map { Self.resolved($0) ?? $0 }) else {
            throw SourceFailure("lies where the gateway keeps its own data; a source is a file of its own")
        }
        guard Self.lies(path, in: reading.directories.compactMap(Self.resolved)) else {
            throw SourceFailure("lies outside of source_directories")
        }
        // SQLite opens the side files too; none of a database's may be one of the gateway's under another name.
        for suffix in ["", "-wal", "-shm", "-journal"] { try check(path + suffix) }
        let kind: RegistrySource.Kind
        if let given = source.kind { kind = given } else { kind = try sniffed(path) }
        switch kind {
        case .yaml:
            if try isForSQLite(path) { throw SourceFailure("is a database, not YAML; mount it as sqlite:PATH") }
            return try reading.decodeYAML(try bytes(of: path))
        case .sqlite: return try registries(inDatabase: path)
        }
    }

    /// Refuses what others may write, and a file that has other names: one of them may be one of the gateway's own.
    private func check(_ path: String) throws(SourceFailure) {
        let status: FileStatus?
        do throws(RegistryError) { status = try FileSystem.checkFile(path) } catch {
            throw SourceFailure(error.message, at: path)
        }
        guard let status, status.links > 1 else { return }
        throw SourceFailure(
            "\(path) has \(status.links) names (hard links), and one may be a file of the gateway's own; "
                + "a source has one name: copy the file, or link to it with ln -s", at: path)
    }

    /// By the name's ending, else by SQLite's first 15 bytes, else YAML (origin 6.3).
    private func sniffed(_ path: String) throws(SourceFailure) -> RegistrySource.Kind {
        if [".db", ".sqlite", ".sqlite3"].contains(where: path.hasSuffix) { return .sqlite }
        if try isForSQLite(path) { return .sqlite }
        // Also what begins as a database and is none: as YAML it would make no sense either.
        return try bytes(of: path, limit: 15).elementsEqual("SQLite format 3".utf8) ? .sqlite : .yaml
    }

    /// Whether SQLite takes the file for a database. Asked before anything else opens it: another tenant may be reading
    /// it just now, and closing a descriptor of ours would drop its locks.
    private func isForSQLite(_ path: String) throws(SourceFailure) -> Bool {
        // No database is smaller than a page, and SQLite takes a file of no or one byte for an empty one.
        guard FileStatus(path)?.identity.size ?? 0 >= 512 else { return false }
        do throws(SQLiteError) {
            let connection = try Connection(path: path, options: Self.options)
            defer { connection.close() }
            _ = try connection.integer("PRAGMA schema_version")
            return true
        } catch {
            switch error.code.primary {
            case .busy, .locked: throw Self.failure(error, path)
            case .corrupt, .readOnly: return true
            // What cannot be opened here is open nowhere here; reading it says why it cannot.
            default: return false
            }
        }
    }

    private static var options: ConnectionOptions {
        var options = ConnectionOptions().reading
        // A thread of the pool waits: it is short, and what is locked longer is read at a later look.
        options.busyTimeout = .milliseconds(50)
        return options
    }

    private static func failure(_ error: SQLiteError, _ path: String) -> SourceFailure {
        SourceFailure(
            "cannot be read as a database: \(error.message)", at: path,
            mayPass: error.isBusy || [.inputOutput, .cannotOpen].contains(error.code.primary))
    }

    private func bytes(of path: String, limit: Int? = nil) throws(SourceFailure) -> [UInt8] {
        let size = Int(FileStatus(path)?.identity.size ?? 0)
        guard limit != nil || size <= Self.maximumBytes else {
            throw SourceFailure("has \(size) bytes, the limit is \(Self.maximumBytes)")
        }
        do throws(RegistryError) {
            // One more byte than there should be tells of a file that grows.
            return try FileSystem.read(path, limit: limit ?? size + 1) ?? []
        } catch {
            if case .storage = error { throw SourceFailure(error.message, at: path, mayPass: true) }
            throw SourceFailure(error.message, at: path)
        }
    }

    /// The whole documents of the origin's table, or of our view over it.
    private func registries(inDatabase path: String) throws(SourceFailure) -> [RegistryDocument] {
        do {
            let connection = try Connection(path: path, options: Self.options)
            defer { connection.close() }
            let view = "profile_registry_documents"
            let isOurs = try connection.first(
                "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?1", .text(view), row: { _ in true })
            var documents: [RegistryDocument] = []
            var failure: RegistryError?
            try connection.query(
                "SELECT slug, payload_json FROM \(isOurs == true ? view : "profile_registries") ORDER BY slug"
            ) { row in
                do throws(RegistryError) {
                    documents.append(
                        try StoredDocument.registry(
                            row.bytes(1), slug: row.text(0), origin: isOurs == true ? .ours : .foreign))
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw failure }
            return documents
        } catch let error as SQLiteError {
            throw Self.failure(error, path)
        } catch let error as RegistryError {
            throw SourceFailure(error.message, at: path)
        } catch {
            throw SourceFailure("cannot be read as a database: \(error)", at: path)
        }
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func lies(_ path: String, in places: [String]) -> Bool {
        places.contains { path == $0 || path.hasPrefix($0 == "/" ? $0 : $0 + "/") }
    }
}
