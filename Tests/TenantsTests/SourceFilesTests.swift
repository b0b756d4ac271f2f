import GatewayTestSupport
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// What a mounted file is taken for, and that looking at it leaves others' locks alone.
struct SourceFilesTests {
    @Test func `looking what a source is lets go of nobody's lock on it`() async throws {
        let scratch = try ScratchDirectory()
        let path = try await Self.database(in: scratch, named: "team")
        // As another tenant reads it at this moment.
        let reader = try Self.reading(path)
        defer { reader.close() }
        let found = try Self.files(in: scratch).read(RegistrySource(kind: nil, path: path))
        #expect(found.map(\.registry.slug.rawValue) == ["team"])
        #expect(await Self.writingElsewhere(path).contains("database is locked"))
        try reader.rollback()
        #expect(await Self.writingElsewhere(path) == "")
    }

    @Test func `reading a database as YAML lets go of nobody's lock on it`() async throws {
        let scratch = try ScratchDirectory()
        let path = try await Self.database(in: scratch, named: "team.yaml")
        let reader = try Self.reading(path)
        defer { reader.close() }
        let error = #expect(throws: SourceFailure.self) {
            try Self.files(in: scratch).read(RegistrySource(kind: .yaml, path: path))
        }
        #expect(error?.reason.contains("is a database") == true)
        #expect(await Self.writingElsewhere(path).contains("database is locked"))
        try reader.rollback()
    }

    @Test(arguments: ["", "x", "slug: team\n", String(repeating: "# a comment\n", count: 400)])
    func `what is no database is YAML, whatever its size and its name`(text: String) async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/team"
        try FileSystem.overwrite(path, with: Array(text.utf8))
        let read = Mutex<[UInt8]?>(nil)
        var files = try Self.files(in: scratch)
        files = SourceFiles(
            reading: SourceReading(directories: files.reading.directories) { bytes throws(SourceFailure) in
                read.withLock { $0 = bytes }
                return []
            }, ownPlaces: [])
        _ = try files.read(RegistrySource(kind: nil, path: path))
        #expect(read.withLock { $0 } == Array(text.utf8))
    }

    @Test func `what begins as a database and is none is not taken for YAML`() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/team"
        try FileSystem.overwrite(path, with: Array("SQLite format 3\u{0}and then something else".utf8))
        let error = #expect(throws: SourceFailure.self) {
            try Self.files(in: scratch).read(RegistrySource(kind: nil, path: path))
        }
        #expect(error?.reason.contains("cannot be read as a database") == true, "\(error?.reason ?? "")")
    }

    @Test func `a source that another program had locked is read when the lock is gone`() async throws {
        let scratch = try ScratchDirectory()
        let path = try await Self.database(in: scratch, named: "team.db")
        let directory = try FileSystem.realPath(scratch.path)
        let shell = try LockingConnection(path, lock: "EXCLUSIVE")
        let tenants = try TestTenants(in: scratch) { configuration in
            configuration.sources[.default] = [RegistrySource(kind: nil, path: path)]
            configuration.sourceReading = SourceReading(directories: [directory])
        }
        let tenant = try await tenants.tenant()
        let mounts = try #require(tenant.sources)
        #expect(mounts.mounted.problems.count == 1)
        // Nothing was written: the file stays as it was looked at.
        try shell.release()
        #expect(await eventually { mounts.mounted.registries["team"] != nil && mounts.mounted.problems.isEmpty })
        await tenants.directory.close()
    }

    private static func files(in scratch: ScratchDirectory) throws -> SourceFiles {
        SourceFiles(reading: SourceReading(directories: [try FileSystem.realPath(scratch.path)]), ownPlaces: [])
    }

    /// A file of the origin with one registry; in rollback-journal mode, where a reader's lock keeps writers away.
    private static func database(in scratch: ScratchDirectory, named name: String) async throws -> String {
        let path = try FileSystem.realPath(scratch.path) + "/" + name
        let team = RegistryDocument(registry: Registry(slug: RegistrySlug(normalised: "team")), profiles: [])
        try OriginFile.write([team], to: path, masksKeys: true)
        return path
    }

    /// A connection in the middle of reading the file.
    private static func reading(_ path: String) throws -> Connection {
        let reader = try Connection(path: path, options: ConnectionOptions().reading)
        try reader.begin(.deferred)
        _ = try reader.integer("SELECT count(*) FROM profile_registries")
        return reader
    }

    /// What the shell says when it takes the lock that nobody gets beside a reader.
    private static func writingElsewhere(_ path: String) async -> String {
        await Shell.run("sqlite3 '\(path)' 'BEGIN EXCLUSIVE; COMMIT'")
    }
}
