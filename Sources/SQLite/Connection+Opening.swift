import CSQLite

// What every connection is set to before its owner sees it, and the proof that it took.
extension Connection {
    /// SQLite falls back to reading when a file cannot be opened for writing; that is not what was asked for.
    func requireAccess() throws(SQLiteError) {
        guard options.access != .readOnly, !options.immutable, sqlite3_db_readonly(handle, "main") == 1 else { return }
        throw SQLiteError(code: .readOnly, message: "the file cannot be opened for writing")
    }

    /// Flags that protect this process from the file's content.
    func harden() throws(SQLiteError) {
        try check(csqlite_set_lookaside(handle, 512, 32))
        try setFlag(SQLITE_DBCONFIG_DEFENSIVE, to: true, name: "SQLITE_DBCONFIG_DEFENSIVE")
        try setFlag(SQLITE_DBCONFIG_TRUSTED_SCHEMA, to: false, name: "SQLITE_DBCONFIG_TRUSTED_SCHEMA")
        try setFlag(SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, to: false, name: "SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION")
    }

    /// The pragmas, `busy_timeout` first: each later one may need a lock.
    func configure() throws(SQLiteError) {
        try setBusyTimeout(options.busyTimeout)
        try setPragma("trusted_schema", to: 0)
        try setPragma("cell_size_check", to: 1)
        try setPragma("foreign_keys", to: options.foreignKeys ? 1 : 0)
        try setPragma("cache_size", to: options.cacheSize)
        if options.access == .readWriteCreate, let autoVacuum = options.autoVacuum {
            // On a file that has tables it only takes effect with VACUUM, so what is read back may differ.
            try execute("PRAGMA auto_vacuum = \(autoVacuum.rawValue)")
        }
        try setPragma("locking_mode", to: options.lockingMode.rawValue)
        if options.access != .readOnly && !options.immutable {
            try setPragma("journal_mode", to: options.journalMode.rawValue)
        }
        try setPragma("synchronous", to: options.synchronous.rawValue)
        // Checkpoints are ours alone, under the writer's role (SQLite 3.40.1's WAL-reset bug).
        try setPragma("wal_autocheckpoint", to: 0)
        csqlite_count_log_frames(handle, frameCount)
        if let secureDelete = options.secureDelete {
            // As a number, 2 would mean plain "on".
            try setPragma("secure_delete", to: secureDelete.rawValue, spelled: secureDelete == .fast ? "fast" : nil)
        }
        try setPragma("query_only", to: options.queryOnly ? 1 : 0)
    }

    /// How long SQLite itself waits for a lock, on the calling thread.
    package func setBusyTimeout(_ timeout: Duration) throws(SQLiteError) {
        let parts = timeout.components
        let milliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        try setPragma("busy_timeout", to: max(0, min(milliseconds, Int64(Int32.max))))
    }

    private func setFlag(_ option: Int32, to wanted: Bool, name: String) throws(SQLiteError) {
        var now: Int32 = -1
        try check(csqlite_set_flag(handle, option, wanted ? 1 : 0, &now))
        guard now == (wanted ? 1 : 0) else {
            throw SQLiteError(code: .misuse, message: "\(name) is \(now) after it was set")
        }
    }

    private func setPragma(_ name: String, to wanted: Int64, spelled: String? = nil) throws(SQLiteError) {
        try execute("PRAGMA \(name) = \(spelled ?? String(wanted))")
        let now = try integer("PRAGMA \(name)")
        guard now == wanted else {
            throw SQLiteError(code: .misuse, message: "PRAGMA \(name) is \(now ?? 0) after it was set to \(wanted)")
        }
    }

    private func setPragma(_ name: String, to wanted: String) throws(SQLiteError) {
        try execute("PRAGMA \(name) = \(wanted)")
        let now = try text("PRAGMA \(name)")
        guard now == wanted else {
            throw SQLiteError(
                code: .misuse, message: "PRAGMA \(name) is \(now ?? "nothing") after it was set to \(wanted)")
        }
    }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw SQLiteError(code, on: handle) }
    }
}
