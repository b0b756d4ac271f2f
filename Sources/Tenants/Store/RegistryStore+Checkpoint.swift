import SQLite

extension RegistryStore {
    /// Moves the log into the main file, with the record of the file's identity around it; never waits.
    ///
    /// Returns false when another process's transaction (or a backup of ours) holds an older snapshot: nothing is
    /// lost, try again. Throws as files do.
    func checkpoint() throws(RegistryError) -> Bool {
        guard usesWriteAheadLog, !isReadOnly, !isSetAside else { return true }
        // Not into a file that is no longer the one the log continues.
        guard FileIdentity.of(file.path) == mainIdentity else { return false }
        let writer = try attempt { try connections.writer() }
        // A failed attempt leaves the record at `checkpoint`, which stays true until one succeeds.
        if recorded?.phase != .checkpoint { try record(.checkpoint) }
        let outcome = try attempt { try writer.truncatingCheckpoint() }
        try attempt { try noteMainIdentity(writer) }
        guard outcome == .complete else { return false }
        try record(.clean)
        return true
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
