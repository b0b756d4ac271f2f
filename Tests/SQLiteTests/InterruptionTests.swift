import Dispatch
import GatewayTestSupport
import Glibc
import Testing

@testable import SQLite

/// Statements that never end by themselves, and what ends them.
struct InterruptionTests {
    private static let endless = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"

    let scratch: ScratchDirectory
    let connection: Connection

    init() throws {
        scratch = try ScratchDirectory()
        connection = try Connection(path: scratch.file("a.db"), options: ConnectionOptions())
        try connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    }

    @Test func `an interruption between two statements ends the next, and all that follow`() throws {
        try connection.interruptible {
            connection.interrupt()
            for sql in [Self.endless, "PRAGMA integrity_check", "SELECT count(*) FROM t"] {
                let error = try #require(throws: SQLiteError.self) { try connection.integer(sql) }
                #expect(error.code == .interrupted)
            }
        }
        #expect(try connection.integer("SELECT count(*) FROM t") == 1, "and none after it")
    }

    @Test func `an interruption from another thread ends the statement that runs`() throws {
        let isDone = DispatchSemaphore(value: 0)
        let error = try #require(throws: SQLiteError.self) {
            try connection.interruptible {
                TestThread.start { [connection] in
                    usleep(20_000)
                    connection.interrupt()
                    isDone.signal()
                }
                _ = try connection.integer(Self.endless)
            }
        }
        #expect(error.code == .interrupted)
        isDone.wait()
    }

    @Test func `transactions begin and end inside as they do elsewhere`() throws {
        try connection.interruptible {
            try connection.transaction(.immediate) { try connection.run("INSERT INTO t VALUES (2)") }
            try connection.begin(.deferred)
            #expect(try connection.integrityProblems() == [])
            try connection.rollback()
        }
        #expect(try connection.truncatingCheckpoint() == .complete)
        #expect(try connection.integer("SELECT count(*) FROM t") == 2)
    }
}
