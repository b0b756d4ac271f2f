import CSQLite

extension Connection {
    /// The outcome of a checkpoint.
    package enum Checkpoint: Sendable, Equatable {
        /// The main file holds everything.
        case complete
        /// A reader or writer elsewhere kept the log from being emptied; nothing is lost, try again.
        case busy
    }

    /// Frames (pages) in the write-ahead log after this connection's last commit; 0 when it was truncated since.
    package var logFrames: Int { Int(frameCount.pointee) }

    /// Moves as much of the write-ahead log into the main file as nobody's snapshot needs; never waits.
    ///
    /// When all of it was moved, the next commit writes the log from its beginning: overwriting blocks that the log
    /// has costs an fsync about half of what growing the file does.
    package func passiveCheckpoint() throws(SQLiteError) -> Checkpoint {
        var frames: Int32 = 0
        var moved: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &moved)
        switch code & 0xff {
        case SQLITE_OK: return frames == moved ? .complete : .busy
        case SQLITE_BUSY, SQLITE_LOCKED: return .busy
        default: throw SQLiteError(code, on: handle, sql: "checkpoint")
        }
    }

    /// Moves the write-ahead log into the main file and truncates it; never waits for another process.
    package func truncatingCheckpoint() throws(SQLiteError) -> Checkpoint {
        // A TRUNCATE checkpoint would wait the whole busy timeout for an outside writer.
        let waits = try integer("PRAGMA busy_timeout") ?? 0
        sqlite3_busy_timeout(handle, 0)
        defer { sqlite3_busy_timeout(handle, Int32(clamping: waits)) }
        let code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        switch code & 0xff {
        case SQLITE_OK:
            frameCount.pointee = 0
            return .complete
        case SQLITE_BUSY, SQLITE_LOCKED: return .busy
        default: throw SQLiteError(code, on: handle, sql: "checkpoint")
        }
    }

    /// Ends the statements that run on the connection with `interrupted`; from any thread, while the connection is open.
    ///
    /// Between two statements it has no effect, unless it is inside `interruptible`.
    package func interrupt() { sqlite3_interrupt(handle) }

    /// Runs `body`; an `interrupt()` at any moment of it ends the statement that runs and all that follow in it.
    ///
    /// A statement is kept running meanwhile, one that reads no table: SQLite forgets an interruption when none runs any
    /// more. A progress handler would not do: `integrity_check` walks a whole table, and `count(*)` too, without asking it.
    package func interruptible<Value>(_ body: () throws -> Value) throws -> Value {
        let running = try statement("VALUES (1), (2)")
        defer { running.reset() }
        _ = try running.step()
        return try body()
    }

    /// Whether the path no longer names the file that is open (`mv` over it, or deletion).
    package func hasMoved() throws(SQLiteError) -> Bool {
        var moved: Int32 = 0
        let code = csqlite_has_moved(handle, &moved)
        guard code == SQLITE_OK else { throw SQLiteError(code, on: handle) }
        return moved != 0
    }

    /// Changes whenever another connection has committed; comparable only with this connection's own values.
    package func dataVersion() throws(SQLiteError) -> Int64 {
        try integer("PRAGMA data_version") ?? 0
    }

    package func userVersion() throws(SQLiteError) -> Int64 {
        try integer("PRAGMA user_version") ?? 0
    }

    package func applicationID() throws(SQLiteError) -> Int64 {
        try integer("PRAGMA application_id") ?? 0
    }

    /// The problems `PRAGMA integrity_check` (or the quicker `quick_check`) finds; empty when there are none.
    ///
    /// Throws the I/O error when a page cannot be read, which the pragma lists among the problems: it proves nothing.
    package func integrityProblems(quick: Bool = false, limit: Int = 20) throws(SQLiteError) -> [String] {
        var problems: [String] = []
        try query("PRAGMA \(quick ? "quick_check" : "integrity_check")(\(limit))") { row in
            problems.append(row.text(0))
            return true
        }
        for problem in problems {
            let number = problem.firstRange(of: "error code=").map { problem[$0.upperBound...].prefix { $0.isNumber } }
            guard let number, let code = Int32(number), ResultCode(rawValue: code).primary == .inputOutput else {
                continue
            }
            throw SQLiteError(code: ResultCode(rawValue: code), message: problem, sql: "integrity check")
        }
        return problems == ["ok"] ? [] : problems
    }
}
