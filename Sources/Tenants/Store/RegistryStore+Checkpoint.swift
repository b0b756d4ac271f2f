import SQLite

extension RegistryStore {
    /// The log is as long as it should get while writing goes on.
    var isLogLong: Bool { (connections.openWriter?.logFrames ?? 0) >= nextRecycling }

    /// Moves the log into the main file so that the next commit begins it anew, without giving its blocks back.
    func recycleLog() throws(RegistryError) {
        let isComplete = try checkpoint { writer throws(SQLiteError) in try writer.passiveCheckpoint() }
        let frames = connections.openWriter?.logFrames ?? 0
        // Somebody's snapshot needs the log: it grows, and is tried again when it has grown as much once more.
        nextRecycling = isComplete ? Self.framesOfLongLog : frames + Self.framesOfLongLog
    }

    /// Moves the log into the main file and empties it.
    ///
    /// Returns false when another process's transaction (or a backup of ours) holds an older snapshot: nothing is
    /// lost, try again. Throws as files do.
    func checkpoint() throws(RegistryError) -> Bool {
        try checkpoint { writer throws(SQLiteError) in try writer.truncatingCheckpoint() }
    }

    /// A checkpoint with the record of the file's identity around it; never waits.
    private func checkpoint(
        _ kind: (Connection) throws(SQLiteError) -> Connection.Checkpoint
    ) throws(RegistryError) -> Bool {
        guard usesWriteAheadLog, !isReadOnly, !isSetAside else { return true }
        // Not into a file that is no longer the one the log continues.
        guard FileIdentity.of(file.path) == mainIdentity else { return false }
        let writer = try attempt { try connections.writer() }
        // One that fails leaves the record at `checkpoint`, which stays true until one ends.
        if recorded?.phase != .checkpoint { try record(.checkpoint) }
        let outcome = try attempt { try kind(writer) }
        try attempt {
            try noteMainIdentity(writer)
            logMark = try writer.logMark()
        }
        // Also after one that a reader kept from its end: none is under way any more, and the log continues exactly what
        // is there now. Left at `checkpoint`, the log would be replayed over a file restored meanwhile (origin D04).
        try record(.clean)
        return outcome == .complete
    }

    /// Records once that the file held data, where no log has to be told from another.
    func recordUnlogged() throws(RegistryError) {
        guard !isReadOnly, recorded?.phase != .unlogged else { return }
        let record = StateRecord(phase: .unlogged, identity: mainIdentity)
        try record.write(file)
        recorded = record
    }

    /// Writes the main file's identity durably, as we know it, if the record does not already say so.
    func record(_ phase: StateRecord.Phase) throws(RegistryError) {
        guard usesWriteAheadLog, !isReadOnly else { return }
        let record = StateRecord(phase: phase, identity: mainIdentity)
        guard record != recorded else { return }
        try record.write(file)
        recorded = record
    }
}
