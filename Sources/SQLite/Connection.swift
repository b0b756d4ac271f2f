import CSQLite

/// One connection to one database file, hardened and checked.
///
/// Every pragma and flag the product relies on is set at open, in an order that matters (`busy_timeout` first, or
/// switching to WAL fails at once beside another process), and read back: a connection that exists is in the state
/// its options name. One thread uses it at a time; who that is, its owner decides (`ConnectionPool`, a tenant's
/// worker).
///
/// Never `open()`/`read()`/`close()` a database file that is open in this process: closing any descriptor of it drops
/// all of SQLite's POSIX locks. `stat` is fine; copies go through `Backup`.
// @unchecked: SQLite's handle is a pointer; the owner hands the connection to one thread at a time.
package final class Connection: @unchecked Sendable {
    package let path: String
    package let options: ConnectionOptions
    let handle: OpaquePointer
    private var statements: [String: Statement] = [:]
    /// Written by SQLite at each commit; see `logFrames`.
    let frameCount = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    private var isOpen = true

    /// Opens a file by its absolute path; blocks up to the busy timeout when another process holds it.
    ///
    /// A missing file is created only with `readWriteCreate`, with the process's umask: create it beforehand with the
    /// mode it shall have, the side files inherit that. Throws `SQLiteError`: `cannotOpenSymlink` when any part of the
    /// path is a symbolic link, `notADatabase`/`corrupt` for a file that is no database.
    package init(path: String, options: ConnectionOptions) throws(SQLiteError) {
        guard path.hasPrefix("/") else {
            // A relative "file:…" would be taken for a URI (Debian builds with URIs on).
            throw SQLiteError(code: .misuse, message: "a database path must be absolute: \(path)")
        }
        var opened: OpaquePointer?
        let name = options.immutable ? Self.immutableURI(path) : path
        let code = sqlite3_open_v2(name, &opened, Self.flags(options), nil)
        guard code == SQLITE_OK, let opened else {
            let error = SQLiteError(code, on: opened)
            sqlite3_close_v2(opened)
            throw error
        }
        self.path = path
        self.options = options
        self.handle = opened
        frameCount.initialize(to: 0)
        sqlite3_extended_result_codes(opened, 1)
        do {
            try requireAccess()
            try harden()
            try configure()
        } catch {
            close()
            throw error
        }
    }

    deinit {
        close()
        frameCount.deallocate()
    }

    /// Closes the file; the last connection of a WAL database checkpoints and removes the side files.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Closes without moving the write-ahead log into the main file.
    ///
    /// For a main file that is no longer the one the log belongs to.
    package func closeWithoutCheckpoint() {
        guard isOpen else { return }
        csqlite_set_flag(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nil)
        close()
    }

    /// The prepared form of a statement, kept for the life of the connection.
    package func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let cached = statements[sql] { return cached }
        guard isOpen else { throw SQLiteError(code: .misuse, message: "the connection is closed", sql: sql) }
        let prepared = try Statement(preparing: sql, on: handle)
        statements[sql] = prepared
        return prepared
    }

    private static func flags(_ options: ConnectionOptions) -> Int32 {
        // One thread at a time uses a connection: SQLite's own mutex would only cost.
        let common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE
        if options.immutable { return common | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI }
        switch options.access {
        case .readOnly: return common | SQLITE_OPEN_READONLY
        case .readWrite: return common | SQLITE_OPEN_READWRITE
        case .readWriteCreate: return common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        }
    }

    private static func immutableURI(_ path: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes = Array("file://".utf8)
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"):
                bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self) + "?immutable=1"
    }
}
