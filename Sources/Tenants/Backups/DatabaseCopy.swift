import Glibc
import Profiles
import SQLite

/// One state of a live database, copied whole into a new file and proven to be that state (gateway.md §10).
///
/// Runs on a thread of its own beside writers: the copy reads inside one open read transaction, in small steps, and
/// hands what it wrote to the disk as it goes, so that no writer's fsync has to wait for a gigabyte of it.
struct DatabaseCopy {
    let source: String
    /// How the source's own connections are opened.
    let options: ConnectionOptions
    /// A new file, in a directory that exists.
    let target: String

    /// Pages of 4 KiB that are copied and then handed to the disk: a writer's fsync waits behind no more than those.
    private static let pagesPerStep: Int32 = 128

    /// Copies; returns what the source held in the state that was copied.
    ///
    /// - Parameters:
    ///   - cancellation: asked after each step; it also ends the counting before the first.
    ///   - closed: called when the source is no longer read.
    /// - Throws: `cancelled` when told to give up, `diskFull`, `busy`, or whatever the files throw. The target is
    ///   left behind then; it is the caller's to remove.
    func run(_ cancellation: Cancellation, closed: () -> Void) throws -> DatabaseFacts {
        // Closed after SQLite's own descriptor: closing any drops the locks of all.
        let descriptor = open(target, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDWR, 0o600)
        guard descriptor >= 0 else {
            closed()
            throw FileSystem.failure(errno, "create", target)
        }
        defer { close(descriptor) }
        let facts = try copy(descriptor, cancellation, closed: closed)
        guard fsync(descriptor) == 0 else { throw FileSystem.failure(errno, "write", target) }
        return facts
    }

    private func copy(
        _ descriptor: Int32, _ cancellation: Cancellation, closed: () -> Void
    ) throws -> DatabaseFacts {
        defer { closed() }
        let reader = try Connection(path: source, options: options.reading)
        defer { reader.close() }
        return try cancellation.interrupting(reader, "copying \(source)") {
            try copy(from: reader, descriptor, cancellation)
        }
    }

    private func copy(
        from reader: Connection, _ descriptor: Int32, _ cancellation: Cancellation
    ) throws -> DatabaseFacts {
        try reader.begin(.deferred)
        let facts = try DatabaseFacts(reading: reader)
        var writing = ConnectionOptions()
        writing.access = .readWrite
        // Nothing is worth a journal in a file that only counts once it is complete.
        writing.journalMode = .memory
        writing.synchronous = .off
        let writer = try Connection(path: target, options: writing)
        defer { writer.close() }
        var failure: Int32 = 0
        let isComplete = try Backup(from: reader, to: writer).run(pagesPerStep: Self.pagesPerStep) { _, _ in
            if fdatasync(descriptor) != 0 {
                failure = errno
                return false
            }
            return !cancellation.isCancelled
        }
        guard failure == 0 else { throw FileSystem.failure(failure, "write", target) }
        guard isComplete else { throw RegistryError.cancelled("copying \(source)") }
        try reader.rollback()
        return facts
    }
}

extension DatabaseCopy {
    /// Proves that a closed copy is sound and holds what the source held: integrity, row counts, and of a registry file
    /// every document. Opens it as immutable: nothing beside it comes into being.
    ///
    /// - Throws: `backupFailed` saying what is wrong; `cancelled`.
    static func verify(
        _ path: String, holds facts: DatabaseFacts, tenant: String, _ cancellation: Cancellation
    ) throws {
        let connection = try Connection(path: path, options: .immutableFile)
        defer { connection.close() }
        try cancellation.interrupting(connection, "verifying the copy") {
            try verify(connection, holds: facts, tenant: tenant, cancellation)
        }
    }

    private static func verify(
        _ connection: Connection, holds facts: DatabaseFacts, tenant: String, _ cancellation: Cancellation
    ) throws {
        try connection.begin(.deferred)
        let problems = try connection.integrityProblems(limit: 3)
        guard problems.isEmpty else {
            throw RegistryError.backupFailed("the copy is damaged: \(problems.joined(separator: "; "))")
        }
        if let difference = facts.difference(from: try DatabaseFacts(reading: connection)) {
            throw RegistryError.backupFailed("the copy differs from the file: \(difference)")
        }
        guard try RegistrySchema.hasTable("profiles", connection) else { return }
        let content = try StoredContent(reading: connection, tenant: tenant, cancellation)
        if let damage = content.damages.first {
            throw RegistryError.backupFailed(RegistryError.damaged(damage).message)
        }
        if let row = try StoredContent.unreadableHistory(connection) {
            throw RegistryError.backupFailed(
                "stored data is damaged: table profile_history, row \(row), column document_json: is no JSON")
        }
    }
}

extension ConnectionOptions {
    /// For a file that nobody writes: no locks, no side files.
    static var immutableFile: ConnectionOptions {
        var options = ConnectionOptions()
        options.access = .readOnly
        options.immutable = true
        return options
    }
}
