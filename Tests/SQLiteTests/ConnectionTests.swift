import GatewayTestSupport
import Testing

@testable import SQLite

struct ConnectionTests {
    let scratch: ScratchDirectory

    init() throws {
        scratch = try ScratchDirectory()
    }

    private func open(_ name: String = "a.db", _ change: (inout ConnectionOptions) -> Void = { _ in }) throws
        -> Connection
    {
        var options = ConnectionOptions()
        change(&options)
        return try Connection(path: scratch.file(name), options: options)
    }

    @Test func `every pragma and flag is in force after opening`() throws {
        let connection = try open { $0.busyTimeout = .milliseconds(1234) }
        let expected: [(String, String)] = [
            ("journal_mode", "wal"), ("busy_timeout", "1234"), ("foreign_keys", "1"), ("synchronous", "2"),
            ("trusted_schema", "0"), ("cell_size_check", "1"), ("wal_autocheckpoint", "0"), ("cache_size", "-200"),
            ("query_only", "0"), ("locking_mode", "normal"),
        ]
        for (pragma, value) in expected { #expect(try connection.text("PRAGMA \(pragma)") == value, "\(pragma)") }
        // DEFENSIVE: the schema cannot be written by hand.
        try connection.execute("CREATE TABLE t (a); PRAGMA writable_schema = ON")
        #expect(throws: SQLiteError.self) { try connection.execute("DELETE FROM sqlite_schema") }
    }

    @Test func `every option of a DSN reaches the connection`() throws {
        let connection = try open { options in
            options.journalMode = .truncate
            options.synchronous = .extra
            options.foreignKeys = false
            options.cacheSize = 77
            options.lockingMode = .exclusive
            options.secureDelete = .fast
            options.autoVacuum = .incremental
        }
        let expected = [
            "journal_mode": "truncate", "synchronous": "3", "foreign_keys": "0", "cache_size": "77",
            "locking_mode": "exclusive", "secure_delete": "2", "auto_vacuum": "2",
        ]
        for (pragma, value) in expected { #expect(try connection.text("PRAGMA \(pragma)") == value, "\(pragma)") }
    }

    @Test func `a read-only connection cannot write, and does not create`() throws {
        #expect(throws: SQLiteError.self) { try open { $0.access = .readOnly } }
        try open().execute("CREATE TABLE t (a)")
        let reader = try Connection(path: scratch.file("a.db"), options: ConnectionOptions().reading)
        let error = #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (1)") }
        #expect(error?.code.primary == .readOnly)
    }

    @Test func `an immutable file is read without locks or side files`() throws {
        try open("odd ?%#name.db").execute("PRAGMA journal_mode = DELETE; CREATE TABLE t (a); INSERT INTO t VALUES (7)")
        let reader = try open("odd ?%#name.db") { options in
            options.access = .readOnly
            options.immutable = true
        }
        #expect(try reader.integer("SELECT a FROM t") == 7)
    }

    @Test func `links, relative paths and URIs are no paths of databases`() throws {
        try open().close()
        TestFiles.link(scratch.file("a.db"), as: scratch.file("link.db"))
        let error = #expect(throws: SQLiteError.self) { try open("link.db") }
        #expect(error?.code == .cannotOpenSymlink)
        for path in ["file:x.db?mode=memory", "x.db", ":memory:"] {
            #expect(throws: SQLiteError.self) { try Connection(path: path, options: ConnectionOptions()) }
        }
    }

    @Test func `values come back as they went in`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a, b, c, d, e, f)")
        let zero = "nul\u{0}inside ü"
        try connection.run(
            "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6)", .integer(.min), .text(zero), .utf8([]), .null,
            .blob([0, 255]), .real(1.5))
        let row = try connection.first("SELECT * FROM t") { row in
            (row.int64(0), row.text(1), row.bytes(2), row.isNull(2), row.isNull(3), row.bytes(4), row.double(5))
        }
        let found = try #require(row)
        #expect(found.0 == .min && found.1 == zero && found.2 == [] && !found.3 && found.4)
        #expect(found.5 == [0, 255] && found.6 == 1.5)
        #expect(try connection.text("SELECT typeof(b) || typeof(c) || typeof(e) FROM t") == "texttextblob")
    }

    @Test func `errors carry SQLite's extended code and the statement`() throws {
        let connection = try open()
        try connection.execute("CREATE TABLE t (a PRIMARY KEY)")
        try connection.run("INSERT INTO t VALUES (?1)", 1)
        let error = #expect(throws: SQLiteError.self) { try connection.run("INSERT INTO t VALUES (?1)", 1) }
        #expect(error?.code.rawValue == 1555)
        #expect(error?.code.primary == .constraint)
        #expect(error?.sql == "INSERT INTO t VALUES (?1)")
        #expect(ResultCode(rawValue: 9 << 8 | 250).rawValue == 9 << 8 | 250)
        // The statement that failed can be used again.
        try connection.run("INSERT INTO t VALUES (?1)", 2)
        #expect(try connection.integer("SELECT count(*) FROM t") == 2)
    }

    @Test func `a damaged file is told apart from a locked one`() throws {
        TestFiles.write(Array(repeating: 0x55, count: 8192), to: scratch.file("noise.db"))
        let error = #expect(throws: SQLiteError.self) { try open("noise.db") }
        #expect(error?.isDamage == true && error?.isBusy == false)
        let one = try open()
        let other = try open { $0.busyTimeout = .zero }
        try one.begin(.immediate)
        let busy = #expect(throws: SQLiteError.self) { try other.begin(.immediate) }
        #expect(busy?.isBusy == true && busy?.isDamage == false)
        try one.rollback()
    }
}

struct TransactionTests {
    let connection: Connection
    let scratch: ScratchDirectory

    init() throws {
        scratch = try ScratchDirectory()
        connection = try Connection(path: scratch.file("t.db"), options: ConnectionOptions())
        try connection.execute("CREATE TABLE t (a)")
    }

    @Test func `a throwing body leaves nothing`() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try connection.transaction {
                try connection.run("INSERT INTO t VALUES (1)")
                throw Stop()
            }
        }
        #expect(try connection.integer("SELECT count(*) FROM t") == 0)
        #expect(!connection.isInTransaction)
    }

    @Test func `an undone savepoint leaves what was before it`() throws {
        try connection.transaction {
            try connection.savepoint()
            try connection.run("INSERT INTO t VALUES (1)")
            try connection.releaseSavepoint()
            try connection.savepoint()
            try connection.run("INSERT INTO t VALUES (2)")
            try connection.undoSavepoint()
        }
        #expect(try connection.text("SELECT group_concat(a) FROM t") == "1")
    }

    @Test func `a checkpoint empties the log, and is busy beside an older reader`() throws {
        try connection.run("INSERT INTO t VALUES (1)")
        let reader = try Connection(path: scratch.file("t.db"), options: ConnectionOptions().reading)
        try reader.begin(.deferred)
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try connection.run("INSERT INTO t VALUES (2)")
        try connection.execute("PRAGMA busy_timeout = \(Int(Patience.seconds) * 2000)")
        let started = ContinuousClock.now
        #expect(try connection.truncatingCheckpoint() == .busy)
        #expect(ContinuousClock.now - started < Patience.limit, "a checkpoint must not wait the busy timeout")
        try reader.rollback()
        #expect(try connection.truncatingCheckpoint() == .complete)
        #expect(TestFiles.size(scratch.file("t.db-wal")) == 0)
        #expect(try connection.integer("PRAGMA busy_timeout") == Int64(Patience.seconds) * 2000)
    }

    @Test func `after a passive checkpoint of everything the log begins anew without growing`() throws {
        for number in 1...50 { try connection.run("INSERT INTO t VALUES (?1)", .integer(Int64(number))) }
        let frames = connection.logFrames
        let size = TestFiles.size(scratch.file("t.db-wal"))
        #expect(frames >= 50)
        #expect(try connection.passiveCheckpoint() == .complete)
        try connection.run("INSERT INTO t VALUES (51)")
        #expect(connection.logFrames < frames)
        #expect(TestFiles.size(scratch.file("t.db-wal")) == size)
        #expect(try connection.truncatingCheckpoint() == .complete)
        #expect(connection.logFrames == 0)
    }

    @Test func `a passive checkpoint leaves what an older reader needs`() throws {
        try connection.run("INSERT INTO t VALUES (1)")
        let reader = try Connection(path: scratch.file("t.db"), options: ConnectionOptions().reading)
        try reader.begin(.deferred)
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try connection.run("INSERT INTO t VALUES (2)")
        #expect(try connection.passiveCheckpoint() == .busy)
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try reader.rollback()
        #expect(try connection.passiveCheckpoint() == .complete)
    }

    @Test func `another connection's commit changes data_version, an own one does not`() throws {
        let version = try connection.dataVersion()
        try connection.run("INSERT INTO t VALUES (1)")
        #expect(try connection.dataVersion() == version)
        let other = try Connection(path: scratch.file("t.db"), options: ConnectionOptions())
        try other.run("INSERT INTO t VALUES (2)")
        #expect(try connection.dataVersion() != version)
    }

    @Test func `a file moved away is noticed`() throws {
        #expect(try !connection.hasMoved())
        TestFiles.rename(scratch.file("t.db"), to: scratch.file("u.db"))
        #expect(try connection.hasMoved())
    }
}

struct BackupTests {
    @Test func `a backup beside a writer is whole and from one moment`() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.file("s.db")
        let writer = try Connection(path: path, options: ConnectionOptions())
        try writer.execute("CREATE TABLE t (a, b); CREATE TABLE n (c)")
        try writer.transaction {
            for number in 0..<3000 {
                try writer.run("INSERT INTO t VALUES (?1, zeroblob(900))", .integer(Int64(number)))
            }
            try writer.run("INSERT INTO n VALUES (0)")
        }
        let source = try Connection(path: path, options: ConnectionOptions().reading)
        let copy = try Connection(path: scratch.file("c.db"), options: ConnectionOptions())
        var steps = 0
        let isComplete = try Backup(from: source, to: copy).run(pagesPerStep: 50) { remaining, total in
            steps += 1
            #expect(remaining < total)
            // Every step meets a commit; without the read transaction each would start the copy again.
            try? writer.run("UPDATE n SET c = c + 1")
            return true
        }
        #expect(isComplete)
        #expect(steps > 10 && steps < 40)
        #expect(try copy.integer("SELECT count(*) FROM t") == 3000)
        #expect(try copy.integer("SELECT c FROM n") == 0)
        #expect(try copy.integrityProblems() == [])
    }

    @Test func `a backup can be given up`() throws {
        let scratch = try ScratchDirectory()
        let source = try Connection(path: scratch.file("s.db"), options: ConnectionOptions())
        try source.execute("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(500000))")
        let copy = try Connection(path: scratch.file("c.db"), options: ConnectionOptions())
        #expect(try !Backup(from: source, to: copy).run(pagesPerStep: 10) { _, _ in false })
        #expect(!source.isInTransaction)
    }
}

struct ConnectionPoolTests {
    @Test func `there is one writer, and readers are opened on demand up to the limit`() throws {
        let scratch = try ScratchDirectory()
        let pool = ConnectionPool(path: scratch.file("p.db"), options: ConnectionOptions(), maximumReaders: 2)
        #expect(!pool.isOpen)
        let writer = try pool.writer()
        #expect(try pool.writer() === writer)
        try writer.execute("CREATE TABLE t (a)")
        try pool.withReader { first in
            try pool.withReader { second in
                #expect(first !== second)
                #expect(throws: SQLiteError.self) { try pool.withReader { _ in } }
                #expect(throws: SQLiteError.self) { try second.execute("INSERT INTO t VALUES (1)") }
            }
            // The writer cannot be closed under a reader: side files would stay.
            #expect(!pool.closeIdle())
        }
        #expect(pool.closeIdle())
        #expect(TestFiles.size(scratch.file("p.db-wal")) == nil)
    }

    @Test func `after abandoning, readers lent before are not lent again`() throws {
        let scratch = try ScratchDirectory()
        let pool = ConnectionPool(path: scratch.file("p.db"), options: ConnectionOptions())
        try pool.writer().execute("CREATE TABLE t (a)")
        var lent: Connection?
        try pool.withReader { reader in
            lent = reader
            pool.abandon()
        }
        try pool.withReader { #expect($0 !== lent) }
        #expect(TestFiles.size(scratch.file("p.db-wal")) ?? 0 > 0)
        pool.close()
        #expect(throws: SQLiteError.self) { try pool.writer() }
    }
}
