import Profiles
import SQLite

/// The audit row of a restore, written into the file while it is staged: it is there exactly when the file is in force.
struct RestoreMark: PendingWrite {
    let context: ChangeContext
    /// The backup's name.
    let backup: String
    let deadline = ContinuousClock.now

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        try transaction.recordRestore(of: backup)
    }

    func succeed() {}
    func fail(_ error: RegistryError) {}
}

extension RegistryTransaction {
    /// The audit row of a whole file that was put in this one's place; it belongs to no registry.
    mutating func recordRestore(of backup: String) throws(RegistryError) {
        let revision = changeRevision()
        do {
            try connection.run(
                """
                INSERT INTO profile_audit (revision, registry_slug, profile_slug, version, action, at_ms, actor, source,
                    request_id, note, client) VALUES (?1, '', '', 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """,
                .integer(unsigned: revision), .text(ChangeAction.restore.rawValue), .integer(context.nowMs),
                .text(context.actor), .text(context.source), .text(context.requestID), .text(backup),
                .optional(context.client))
        } catch {
            throw RegistryError(error, path: connection.path)
        }
    }
}
