import JSON
import Profiles
import SQLite

/// What is in a registry file: its pages, its schema, every document, the history, in one read transaction.
struct ContentVerification {
    let connection: Connection
    let tenant: String
    let cancellation: Cancellation
    /// What its profiles may be layered on besides.
    var mounted = MountedRegistries.none

    private static func restoreAdvice(_ tenant: String) -> String {
        "restore a backup: `profile-gateway backups --tenant \(tenant)` names them, "
            + "`profile-gateway restore --tenant \(tenant) --from NAME` puts one back"
    }

    /// Each check stands alone: what one cannot read does not keep the next from looking. Throws `cancelled` only.
    func checks() throws(RegistryError) -> [HealthCheck] {
        do {
            return try cancellation.interrupting(connection, "verifying") { everyCheck() }
        } catch {
            // Otherwise not even the first statement could run.
            if case RegistryError.cancelled = error { throw .cancelled("verifying") }
            return [unreadable("file.integrity", error)]
        }
    }

    private func everyCheck() -> [HealthCheck] {
        var checks: [HealthCheck] = []
        do {
            try connection.begin(.deferred)
            checks.append(try integrity())
            checks.append(try foreignKeys())
            checks.append(try schema())
        } catch {
            checks.append(unreadable("file.integrity", error))
            return checks
        }
        guard checks.status < .failed || isOurs else { return checks }
        checks += guarded("documents") { try documents() }
        checks += guarded("stacks") { try resolution() }
        checks += guarded("history") { [try history()] }
        checks += guarded("view") { [try view()] }
        checks += guarded("file.free_pages") { [try freePages()] }
        do throws(SQLiteError) { try connection.rollback() } catch {
            checks.append(unreadable("file.integrity", error))
        }
        return checks
    }

    /// The main file of a tenant that could not be opened: read as it lies there, without its log, changing nothing.
    static func ofUnopened(
        _ file: RegistryFile, _ tenant: String, _ cancellation: Cancellation
    ) throws(RegistryError) -> [HealthCheck] {
        guard let size = FileIdentity.of(file.path)?.size else {
            return [
                HealthCheck("file.integrity", .failed, "\(file.path) is missing", advice: restoreAdvice(tenant))
            ]
        }
        guard size > 0 else {
            return [
                HealthCheck("file.integrity", .failed, "\(file.path) is empty", advice: restoreAdvice(tenant))
            ]
        }
        let connection: Connection
        do throws(SQLiteError) { connection = try Connection(path: file.path, options: .immutableFile) } catch {
            return [
                HealthCheck(
                    "file.integrity", .failed, "\(file.path) cannot be read: \(error.message)",
                    advice: restoreAdvice(tenant))
            ]
        }
        defer { connection.close() }
        return try ContentVerification(connection: connection, tenant: tenant, cancellation: cancellation).checks()
    }

    private func guarded(_ id: String, _ body: () throws -> [HealthCheck]) -> [HealthCheck] {
        do { return try body() } catch { return [unreadable(id, error)] }
    }

    private func unreadable(_ id: String, _ error: any Error) -> HealthCheck {
        HealthCheck(
            id, .failed, RegistryError(error, path: connection.path).finding, advice: Self.restoreAdvice(tenant))
    }

    /// What cannot be told of a damaged file counts as no; the checks before have said what is wrong with it.
    private var isOurs: Bool {
        ((try? connection.applicationID()) ?? 0) == RegistrySchema.applicationID
            && ((try? RegistrySchema.hasTable("profiles", connection)) ?? false)
    }

    private func integrity() throws -> HealthCheck {
        let problems = try connection.integrityProblems(limit: 20)
        guard let first = problems.first else {
            return HealthCheck(
                "file.integrity", .ok, "\(try connection.integer("PRAGMA page_count") ?? 0) pages are sound")
        }
        return HealthCheck(
            "file.integrity", .failed, "\(problems.count) problems, the first: \(first)",
            advice: Self.restoreAdvice(tenant))
    }

    private func foreignKeys() throws -> HealthCheck {
        var broken: [String] = []
        try connection.query("PRAGMA foreign_key_check") { row in
            broken.append("\(row.text(0)) row \(row.int64(1))")
            return broken.count < 20
        }
        guard let first = broken.first else { return HealthCheck("file.foreign_keys", .ok, "all hold") }
        return HealthCheck(
            "file.foreign_keys", .failed, "\(broken.count) rows point nowhere, such as \(first)",
            advice: "repair or remove the row with the sqlite3 shell")
    }

    private func schema() throws -> HealthCheck {
        let application = try connection.applicationID()
        let version = try connection.userVersion()
        guard application == RegistrySchema.applicationID else {
            let isOrigins = try application == 0 && RegistrySchema.hasTable("profile_registries", connection)
            return isOrigins
                ? HealthCheck(
                    "file.schema", .warning, "a file of the origin", advice: "it is taken over when it is opened")
                : HealthCheck(
                    "file.schema", .failed, "a file of another application (application_id \(application))",
                    advice: Self.restoreAdvice(tenant))
        }
        guard version <= RegistrySchema.currentVersion else {
            return HealthCheck(
                "file.schema", .failed,
                "version \(version), and this program knows up to \(RegistrySchema.currentVersion)",
                advice: "use the newer program, or restore a backup made by this one")
        }
        return HealthCheck("file.schema", .ok, "version \(version)")
    }

    /// History and state agree: every profile's current version is recorded, and none between is missing. A deletion may
    /// stand alone before the others: retention keeps the last one of each profile.
    private func history() throws -> HealthCheck {
        let unrecorded = try first(
            """
            SELECT p.registry_slug || '/' || p.slug || ' version ' || p.version FROM profiles p
                WHERE NOT EXISTS (SELECT 1 FROM profile_history h WHERE h.registry_slug = p.registry_slug
                    AND h.profile_slug = p.slug AND h.version = p.version AND h.document_json = p.document_json)
            """)
        if let unrecorded {
            return HealthCheck(
                "history", .warning, "\(unrecorded) is not in the history as it is now",
                advice: "somebody changed the row by hand; the next change through the gateway is recorded again")
        }
        let torn = try first(
            """
            SELECT registry_slug || '/' || profile_slug || ' has ' || count(*) || ' of versions ' || min(version) || ' to '
                || max(version) FROM profile_history h WHERE profile_slug <> '' AND NOT (document_json IS NULL
                    AND version = (SELECT min(version) FROM profile_history f
                        WHERE f.registry_slug = h.registry_slug AND f.profile_slug = h.profile_slug))
                GROUP BY registry_slug, profile_slug HAVING count(*) <> max(version) - min(version) + 1
            """)
        if let torn {
            return HealthCheck(
                "history", .warning, torn, advice: "versions are missing; backups from before may have them")
        }
        if let row = try StoredContent.unreadableHistory(connection) {
            return HealthCheck(
                "history", .failed, "profile_history row \(row): document_json is no JSON",
                advice: "that version cannot be rolled back to; backups from before may have it")
        }
        let revision = try connection.integer("SELECT coalesce(max(revision), 0) FROM profile_history") ?? 0
        let known =
            try connection.integer("SELECT coalesce(max(value), 0) FROM gateway_meta WHERE key = 'revision'") ?? 0
        guard revision <= known else {
            return HealthCheck(
                "history", .warning, "the history goes to revision \(revision), the counter says \(known)",
                advice: "the next change corrects the counter")
        }
        let count = try connection.integer("SELECT count(*) FROM profile_history") ?? 0
        return HealthCheck("history", .ok, "\(count) versions without a gap, up to revision \(known)")
    }

    /// The view that the runbook's queries use is ours, and every profile belongs to a registry that it shows.
    ///
    /// It is not asked: its JSON functions are out of reach of a connection that does not trust the file's schema.
    private func view() throws -> HealthCheck {
        let found = try first(
            "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = 'profile_registry_documents'")
        guard let found, Self.words(of: found) == Self.words(of: RegistrySchema.documentsView) else {
            return HealthCheck(
                "view", .failed, "the view profile_registry_documents is \(found == nil ? "missing" : "not ours")",
                advice: "stop the gateway and run: sqlite3 '\(connection.path)' "
                    + "'DROP VIEW IF EXISTS profile_registry_documents'; it is made anew at the start")
        }
        let orphan = try first(
            """
            SELECT registry_slug || '/' || slug FROM profiles
                WHERE registry_slug NOT IN (SELECT slug FROM profile_registries)
            """)
        guard let orphan else { return HealthCheck("view", .ok, "profile_registry_documents shows every profile") }
        return HealthCheck(
            "view", .warning, "\(orphan) belongs to a registry that is not there",
            advice: "insert the registry's row again, or delete the profile's")
    }

    private static func words(of sql: String) -> [Substring] {
        sql.replacing("IF NOT EXISTS ", with: "").split(whereSeparator: { $0.isWhitespace || $0 == ";" })
    }

    private func freePages() throws -> HealthCheck {
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        let all = max(1, try connection.integer("PRAGMA page_count") ?? 1)
        let found = "\(free) of \(all) pages are free"
        guard free > 2560, free * 2 > all else { return HealthCheck("file.free_pages", .ok, found) }
        return HealthCheck(
            "file.free_pages", .warning, found, advice: "stop the gateway and run: sqlite3 '\(connection.path)' VACUUM")
    }

    private func first(_ sql: String) throws(SQLiteError) -> String? {
        try connection.first(sql) { $0.text(0) }
    }
}
