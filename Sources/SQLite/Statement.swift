import CSQLite
import Glibc

/// A prepared statement, owned and cached by its connection; finalised with it.
///
/// Used by the thread that has the connection. Columns may be read only between a `step()` that returned true and
/// the next `step()` or `reset()`.
package final class Statement {
    private let handle: OpaquePointer
    private let database: OpaquePointer

    init(preparing sql: String, on database: OpaquePointer) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK else { throw SQLiteError(code, on: database, sql: sql) }
        guard let prepared else {
            throw SQLiteError(code: .misuse, message: "the text contains no statement", sql: sql)
        }
        self.handle = prepared
        self.database = database
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Binds the values to parameters 1…n.
    package func bind(_ values: [SQLValue]) throws(SQLiteError) {
        var index: Int32 = 0
        for value in values {
            index += 1
            let code = bind(value, at: index)
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    /// Advances to the next row; false when the statement is done.
    package func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw failure(code)
        }
    }

    /// Makes the statement ready for its next use and releases what it had locked.
    package func reset() {
        // The code repeats the failure of the last step, which was thrown there.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    private func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, index)
        case .integer(let number): return sqlite3_bind_int64(handle, index, number)
        case .real(let number): return sqlite3_bind_double(handle, index, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    csqlite_bind_text_copy(handle, index, $0.baseAddress, UInt64($0.count))
                }
            }
        case .utf8(let bytes):
            return bytes.withUnsafeBytes {
                csqlite_bind_text_copy(
                    handle, index, $0.assumingMemoryBound(to: CChar.self).baseAddress, UInt64($0.count))
            }
        case .blob(let bytes):
            return bytes.withUnsafeBytes { csqlite_bind_blob_copy(handle, index, $0.baseAddress, UInt64($0.count)) }
        }
    }

    private func failure(_ code: Int32) -> SQLiteError {
        SQLiteError(code, on: database, sql: sqlite3_sql(handle).map { String(cString: $0) })
    }
}

extension Statement {
    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// Whether the stored value is an integer, and not something that converts to one.
    package func isInteger(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_INTEGER }

    package func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    package func double(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

    /// The column as text; invalid UTF-8 is repaired with U+FFFD, so use `bytes` where that matters.
    package func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    /// The column as text, or nil for NULL.
    package func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    /// The bytes of a text or blob column, exactly as stored.
    package func bytes(_ column: Int32) -> [UInt8] {
        // As text, so that a UTF-16 file reads the same. The pointer comes first: asking for it may convert the value
        // and so change the count.
        guard let start = sqlite3_column_text(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Whether the column's bytes equal `other`, without copying them.
    package func bytes(_ column: Int32, equal other: [UInt8]) -> Bool {
        guard let start = sqlite3_column_text(handle, column) else { return other.isEmpty }
        let count = Int(sqlite3_column_bytes(handle, column))
        guard count == other.count else { return false }
        return other.withUnsafeBytes { bytes in bytes.baseAddress.map { memcmp(start, $0, count) == 0 } ?? true }
    }
}
