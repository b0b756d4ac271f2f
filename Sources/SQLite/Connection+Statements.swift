import CSQLite

extension Connection {
    /// Runs text that may hold several statements and returns no rows, without caching it.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteError(code, on: handle, sql: sql) }
    }

    /// Runs one cached statement to its end, ignoring rows.
    package func run(_ sql: String, _ values: SQLValue...) throws(SQLiteError) {
        try run(sql, values: values)
    }

    /// Runs one cached statement to its end, ignoring rows.
    package func run(_ sql: String, values: [SQLValue]) throws(SQLiteError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
    }

    /// Calls `body` for each row, until it returns false.
    package func query(
        _ sql: String, _ values: SQLValue..., row body: (Statement) -> Bool
    ) throws(SQLiteError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {
            guard body(statement) else { return }
        }
    }

    /// The first row, as `body` reads it; nil when there is none.
    package func first<Value>(
        _ sql: String, _ values: SQLValue..., row body: (Statement) -> Value
    ) throws(SQLiteError) -> Value? {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? body(statement) : nil
    }

    /// The first column of the first row.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        try first(sql) { $0.int64(0) }
    }

    /// The first column of the first row, as text.
    package func text(_ sql: String) throws(SQLiteError) -> String? {
        try first(sql) { $0.text(0) }
    }

    /// Rows changed by the last statement.
    package var changes: Int { Int(sqlite3_changes64(handle)) }
}
