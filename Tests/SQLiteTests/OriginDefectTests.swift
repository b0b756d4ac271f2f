import GatewayTestSupport
import SQLite
import Testing

/// What the origin's store got wrong about its connections, and ours must not.
@Suite struct OriginDefectTests {
    private let scratch: ScratchDirectory
    private let pool: ConnectionPool

    init() throws {
        scratch = try ScratchDirectory()
        pool = ConnectionPool(path: scratch.path + "/x.db", options: ConnectionOptions())
    }

    @Test func `D66 an acknowledged commit is synchronised: the default is FULL`() throws {
        #expect(try pool.writer().integer("PRAGMA synchronous") == 2)
        pool.abandon()
    }

    @Test func `D67 every connection enforces foreign keys and waits for locks, not only the first`() throws {
        let writer = try pool.writer()
        try writer.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        #expect(try writer.integer("PRAGMA foreign_keys") == 1)
        let settings = try pool.withReader { first in
            try pool.withReader { second in
                #expect(first !== second)
                return try [first, second].map { connection in
                    try ["PRAGMA foreign_keys", "PRAGMA busy_timeout", "SELECT count(*) FROM a"].map {
                        try connection.integer($0)
                    }
                }
            }
        }
        #expect(settings == [[1, 5000, 0], [1, 5000, 0]])
        pool.abandon()
    }
}
