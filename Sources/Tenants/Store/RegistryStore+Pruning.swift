import SQLite

extension RegistryStore {
    /// Deletes rows of the history and the audit in one transaction. No revision, no version: nothing that anybody sees
    /// of the current state changes. The file is open and its content current.
    ///
    /// Throws `busy` when another process holds the lock or has written since the content was read (the next look at
    /// the file takes that in) or the rows were found in a file that a restore has replaced, and as files do.
    func remove(_ batch: PruningPass.Batch) throws(RegistryError) {
        try attempt {
            let writer = try connections.writer()
            try writer.begin(.immediate)
            do {
                guard batch.epoch == content.epoch, try writer.dataVersion() == dataVersion else {
                    throw RegistryError.busy(retryAfter: 1)
                }
                for id in batch.versions { try writer.run("DELETE FROM profile_history WHERE id = ?1", .integer(id)) }
                for id in batch.auditEntries { try writer.run("DELETE FROM profile_audit WHERE id = ?1", .integer(id)) }
                try writer.commit()
            } catch {
                try writer.rollback()
                throw error
            }
            noteLogAfterCommit(writer)
            // With a write-ahead log a commit leaves the main file alone: what has changed it was somebody else.
            if !usesWriteAheadLog { try noteMainIdentity(writer) }
        }
    }
}
