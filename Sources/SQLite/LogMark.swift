import CSQLite

/// How far a write-ahead log has got, and how much of it anyone has begun to move into the main file.
///
/// A checkpoint by another process changes the main file as a `cp` over it does, and `data_version` shows neither; only
/// the wal-index, which all processes share, tells the two apart.
package struct LogMark: Sendable {
    private let salts: UInt64
    private let frames: UInt32
    private var attempted: UInt32

    init(_ mark: csqlite_log_mark) {
        salts = UInt64(mark.salts.0) << 32 | UInt64(mark.salts.1)
        frames = mark.frames
        attempted = mark.backfill_attempted
    }

    /// Whether a checkpoint has begun since `earlier`, of a log that then held something.
    ///
    /// It shows before the checkpoint changes the main file.
    package func showsCheckpoint(since earlier: LogMark) -> Bool {
        earlier.frames > 0 && (salts != earlier.salts || attempted > earlier.attempted)
    }

    /// The log as it is, with the checkpoints that `earlier` knew of: one begun since may be under way.
    ///
    /// Without `earlier`, and in a log that has started over, none is known.
    package func knowingCheckpoints(of earlier: LogMark?) -> LogMark {
        var mark = self
        mark.attempted = earlier.map { $0.salts == salts ? $0.attempted : 0 } ?? 0
        return mark
    }
}

extension Connection {
    /// The log's mark now; nil where there is no shared wal-index (other journal modes, exclusive locking).
    package func logMark() throws(SQLiteError) -> LogMark? {
        guard options.journalMode == .wal, options.lockingMode == .normal, !options.immutable else { return nil }
        var mark = csqlite_log_mark()
        let code = csqlite_read_log_mark(handle, &mark)
        guard code != SQLITE_NOTFOUND else { return nil }
        guard code == SQLITE_OK else { throw SQLiteError(code, on: handle, sql: "wal-index") }
        return LogMark(mark)
    }
}
