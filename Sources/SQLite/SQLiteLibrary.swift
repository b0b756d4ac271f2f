import CSQLite
import Synchronization

/// The library itself: its version and its error log.
package enum SQLiteLibrary {
    /// Such as `3.40.1`.
    package static var version: String { String(cString: sqlite3_libversion()) }

    /// Whether this version has the WAL-reset corruption bug (3.7.0 up to 3.51.2).
    ///
    /// It needs two connections that commit or checkpoint on one file; the product has one. `/version` tells.
    package static var hasWALResetBug: Bool { (3_007_000...3_051_002).contains(sqlite3_libversion_number()) }

    /// Sends SQLite's own error log to `handler`, which is called on any thread and must not use SQLite.
    ///
    /// Only before the first connection is opened; throws `misuse` after.
    package static func installLog(_ handler: @escaping @Sendable (ResultCode, String) -> Void) throws(SQLiteError) {
        let code = csqlite_install_log(logCallback, nil)
        guard code == SQLITE_OK else {
            throw SQLiteError(
                code: ResultCode(rawValue: code), message: "the log must be installed before any file is opened")
        }
        logHandler.withLock { $0 = handler }
    }
}

private let logHandler = Mutex<(@Sendable (ResultCode, String) -> Void)?>(nil)

private let logCallback: csqlite_log_callback = { _, code, message in
    let handler = logHandler.withLock { $0 }
    handler?(ResultCode(rawValue: code), String(cString: message))
}
