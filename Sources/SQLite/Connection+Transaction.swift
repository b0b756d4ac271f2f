import CSQLite

extension Connection {
    /// Whether a transaction is open; false again after an error that made SQLite roll back by itself.
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Begins a transaction, of the kind the options name unless told.
    package func begin(_ kind: ConnectionOptions.TransactionLock? = nil) throws(SQLiteError) {
        switch kind ?? options.transactionLock {
        case .deferred: try run("BEGIN DEFERRED")
        case .immediate: try run("BEGIN IMMEDIATE")
        case .exclusive: try run("BEGIN EXCLUSIVE")
        }
    }

    package func commit() throws(SQLiteError) {
        try run("COMMIT")
    }

    /// Ends the transaction without its changes; nothing happens when none is open.
    ///
    /// Throws when even that fails: the connection is of no use then, close it without a checkpoint.
    package func rollback() throws(SQLiteError) {
        guard isInTransaction else { return }
        try run("ROLLBACK")
    }

    /// Runs `body` in a transaction: commits when it returns, rolls back when it throws.
    package func transaction<Value>(
        _ kind: ConnectionOptions.TransactionLock? = nil, _ body: () throws -> Value
    ) throws -> Value {
        try begin(kind)
        do {
            let value = try body()
            try commit()
            return value
        } catch {
            try rollback()
            throw error
        }
    }

    /// Opens a savepoint; they nest.
    package func savepoint() throws(SQLiteError) {
        try run("SAVEPOINT member")
    }

    /// Keeps what happened since the savepoint, within the transaction.
    package func releaseSavepoint() throws(SQLiteError) {
        try run("RELEASE member")
    }

    /// Undoes what happened since the savepoint and removes it.
    ///
    /// Throws when SQLite has already rolled the whole transaction back (disk full, I/O error).
    package func undoSavepoint() throws(SQLiteError) {
        try run("ROLLBACK TO member")
        try run("RELEASE member")
    }
}
