import SQLite

/// The tables of a registry file and how older files get there.
///
/// `profile_registries` and its three columns are the runbook's; everything else is ours. `user_version` counts only
/// in a file that carries our `application_id`: another application's number means something else.
enum RegistrySchema {
    /// `PGW1`.
    static let applicationID: Int64 = 0x5047_5731
    static let currentVersion: Int64 = 1

    /// What `prepare` found and did.
    struct Outcome {
        /// The file had none of our tables: it got the built-in registry.
        var isNew = false
        /// The file has registries written by something that knows none of our other tables: the origin.
        var isTakenOver = false
    }

    /// Brings the file to the current version in one transaction; other tables are not touched.
    ///
    /// `bootstrap` fills a file that had none of our tables, in the same transaction. Throws `newerSchema` for a file of
    /// a newer program, `quarantined` for a file of another application.
    static func prepare(_ connection: Connection, bootstrap: (Connection) throws -> Void) throws -> Outcome {
        if try isCurrent(connection) { return Outcome() }
        return try connection.transaction(.immediate) {
            // Read again: another process may have been here before the lock.
            if try isCurrent(connection) { return Outcome() }
            let version = try ownVersion(connection)
            var outcome = Outcome()
            let hasRegistries = try hasTable("profile_registries", connection)
            let hasHistory = try hasTable("profile_history", connection)
            outcome.isNew = try hasNothingOfOurs(connection)
            outcome.isTakenOver = version == 0 && hasRegistries && !hasHistory
            try connection.execute(version1)
            if try !auditHasClient(connection) { try connection.execute(auditClient) }
            if !hasRegistries && hasHistory { try connection.execute(recovery) }
            if outcome.isNew { try bootstrap(connection) }
            try connection.execute("PRAGMA application_id = \(applicationID)")
            try connection.execute("PRAGMA user_version = \(currentVersion)")
            return outcome
        }
    }

    static func hasTable(_ name: String, _ connection: Connection) throws(SQLiteError) -> Bool {
        try connection.first(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", .text(name), row: { _ in true }) ?? false
    }

    /// Whether there is neither a registry, ours or the origin's, nor the history that it could be made of again.
    static func hasNothingOfOurs(_ connection: Connection) throws(SQLiteError) -> Bool {
        if try hasTable("profile_registries", connection) { return false }
        return try !hasTable("profile_history", connection)
    }

    private static func isCurrent(_ connection: Connection) throws -> Bool {
        guard try ownVersion(connection) == currentVersion else { return false }
        for table in tables where try !hasTable(table, connection) { return false }
        return try auditHasClient(connection)
            && connection.first(
                "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = 'profile_registry_documents'",
                row: { _ in true })
                ?? false
    }

    private static func auditHasClient(_ connection: Connection) throws -> Bool {
        try connection.first(
            "SELECT 1 FROM pragma_table_info('profile_audit') WHERE name = 'client'", row: { _ in true }) ?? false
    }

    /// Throws `newerSchema` or `quarantined` when the file has become one we cannot serve, by another process's doing.
    static func requireOurs(_ connection: Connection) throws { _ = try ownVersion(connection) }

    private static func ownVersion(_ connection: Connection) throws -> Int64 {
        let application = try connection.applicationID()
        let version = try connection.userVersion()
        switch application {
        case applicationID:
            guard version <= currentVersion else {
                throw RegistryError.newerSchema(path: connection.path, found: version, known: currentVersion)
            }
            return version
        case 0 where version == 0: return 0
        default:
            throw RegistryError.quarantined(
                "\(connection.path) belongs to another application (application_id \(application), "
                    + "user_version \(version)); move it away or restore a backup")
        }
    }

    private static let tables = [
        "profile_registries", "profiles", "profile_registry_state", "profile_history", "profile_audit", "gateway_meta",
    ]
}
