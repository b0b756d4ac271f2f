import CSQLite

/// What SQLite said, with its extended code, and the statement it said it about.
package struct SQLiteError: Error, Equatable, Sendable {
    package let code: ResultCode
    package let message: String
    package let sql: String?
    /// The errno of the system call that failed, if one did; 0 otherwise.
    package let systemError: Int32

    package init(code: ResultCode, message: String, sql: String? = nil, systemError: Int32 = 0) {
        self.code = code
        self.message = message
        self.sql = sql
        self.systemError = systemError
    }

    /// Reads the connection's last error; call on the thread that made the failing call.
    init(_ code: Int32, on handle: OpaquePointer?, sql: String? = nil) {
        let extended = handle.map { sqlite3_extended_errcode($0) } ?? code
        // After a misuse or an out-of-memory the handle may still hold the code of an earlier call.
        let matches = extended & 0xff == code & 0xff
        self.code = ResultCode(rawValue: matches ? extended : code)
        let text = matches ? handle.flatMap { sqlite3_errmsg($0) } : sqlite3_errstr(code)
        self.message = text.map { String(cString: $0) } ?? "unknown error"
        self.sql = sql
        let isSystem = [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL].contains(code & 0xff)
        self.systemError = isSystem ? handle.map { sqlite3_system_errno($0) } ?? 0 : 0
    }

    /// Another connection or process holds a lock; the same call may succeed later.
    package var isBusy: Bool { code.primary == .busy || code.primary == .locked }

    /// The file's content is not what SQLite can read.
    package var isDamage: Bool { code.primary == .corrupt || code.primary == .notADatabase }
}

extension SQLiteError: CustomStringConvertible {
    package var description: String {
        let place = sql.map { " in \"\($0)\"" } ?? ""
        return "SQLite \(code.rawValue): \(message)\(place)"
    }
}
