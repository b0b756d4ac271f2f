import CSQLite

/// SQLite's extended result code.
///
/// A value, not a closed enum: a library newer than this source may return codes unknown here, and they must
/// reach the log as they are.
package struct ResultCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// The low byte: the family an extended code belongs to.
    package var primary: ResultCode { ResultCode(rawValue: rawValue & 0xff) }

    package static let ok = ResultCode(rawValue: SQLITE_OK)
    package static let error = ResultCode(rawValue: SQLITE_ERROR)
    package static let permission = ResultCode(rawValue: SQLITE_PERM)
    package static let busy = ResultCode(rawValue: SQLITE_BUSY)
    package static let locked = ResultCode(rawValue: SQLITE_LOCKED)
    package static let interrupted = ResultCode(rawValue: SQLITE_INTERRUPT)
    package static let noMemory = ResultCode(rawValue: SQLITE_NOMEM)
    package static let readOnly = ResultCode(rawValue: SQLITE_READONLY)
    package static let inputOutput = ResultCode(rawValue: SQLITE_IOERR)
    package static let corrupt = ResultCode(rawValue: SQLITE_CORRUPT)
    package static let full = ResultCode(rawValue: SQLITE_FULL)
    package static let cannotOpen = ResultCode(rawValue: SQLITE_CANTOPEN)
    package static let schema = ResultCode(rawValue: SQLITE_SCHEMA)
    package static let tooBig = ResultCode(rawValue: SQLITE_TOOBIG)
    package static let constraint = ResultCode(rawValue: SQLITE_CONSTRAINT)
    package static let misuse = ResultCode(rawValue: SQLITE_MISUSE)
    package static let notADatabase = ResultCode(rawValue: SQLITE_NOTADB)

    // SQLITE_CANTOPEN_SYMLINK is a macro over another macro and does not import.
    package static let cannotOpenSymlink = ResultCode(rawValue: SQLITE_CANTOPEN | (6 << 8))
    /// The shared-memory file could not grow: what a full disk looks like to a file that is only being opened.
    package static let sharedMemorySize = ResultCode(rawValue: SQLITE_IOERR | (19 << 8))
}

extension ResultCode: CustomStringConvertible {
    /// SQLite's English phrase and the number.
    package var description: String {
        "\(String(cString: sqlite3_errstr(rawValue))) (\(rawValue))"
    }
}
