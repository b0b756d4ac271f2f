import Profiles
import SQLite

/// The statements that read the history and the audit; a profile slug of `''` is the registry itself.
enum HistorySQL {
    private static let columns = """
        SELECT version, revision, action, at_ms, actor, source, request_id, document_json FROM profile_history
            WHERE registry_slug = ?1 AND profile_slug = ?2
        """

    static let versions = columns + " AND version < ?3 ORDER BY version DESC LIMIT ?4"

    static let audit = """
        SELECT id, revision, at_ms, actor, source, request_id, action, registry_slug, profile_slug, version, note, client
            FROM profile_audit
            WHERE id < ?1 AND (?2 IS NULL OR registry_slug = ?2) AND (?3 IS NULL OR profile_slug = ?3)
                AND (?4 IS NULL OR actor = ?4) AND at_ms >= ?5
            ORDER BY id DESC LIMIT ?6
        """

    static func version(
        _ number: UInt64, of slug: ProfileSlug?, in registry: RegistrySlug, _ connection: Connection
    ) throws(SQLiteError) -> HistoryEntry? {
        // Beyond SQLite's integers there is none; clamped it would be another.
        guard let number = Int64(exactly: number) else { return nil }
        return try connection.first(
            columns + " AND version = ?3", .text(registry.rawValue), .text(slug?.rawValue ?? ""), .integer(number)
        ) { HistoryEntry($0, registry: registry, profile: slug) }
    }

    /// The newest version below a number.
    static func newest(
        of slug: ProfileSlug?, in registry: RegistrySlug, below bound: UInt64, _ connection: Connection
    ) throws(SQLiteError) -> HistoryEntry? {
        try connection.first(
            versions, .text(registry.rawValue), .text(slug?.rawValue ?? ""), .integer(unsigned: bound), 1
        ) { HistoryEntry($0, registry: registry, profile: slug) }
    }

    /// Whether the history has anything of the profile or registry.
    static func isKnown(
        _ slug: ProfileSlug?, in registry: RegistrySlug, _ connection: Connection
    ) throws(SQLiteError) -> Bool {
        try connection.first(
            "SELECT 1 FROM profile_history WHERE registry_slug = ?1 AND profile_slug = ?2 LIMIT 1",
            .text(registry.rawValue), .text(slug?.rawValue ?? "")
        ) { _ in true } ?? false
    }
}

extension HistoryEntry {
    /// The entry of a row with the columns of `HistorySQL`.
    init(_ row: Statement, registry: RegistrySlug, profile: ProfileSlug?) {
        self.init(
            registry: registry, profile: profile, version: UInt64(clamping: row.int64(0)),
            revision: UInt64(clamping: row.int64(1)), action: row.text(2), atMs: row.int64(3), actor: row.text(4),
            source: row.text(5), requestID: row.text(6), stored: row.isNull(7) ? nil : row.bytes(7))
    }
}

extension AuditEntry {
    /// The entry of a row of `HistorySQL.audit`.
    init(_ row: Statement) {
        let profile = row.text(8)
        self.init(
            id: UInt64(clamping: row.int64(0)), revision: UInt64(clamping: row.int64(1)), atMs: row.int64(2),
            actor: row.text(3), source: row.text(4), requestID: row.text(5), client: row.optionalText(11),
            action: row.text(6),
            registry: row.text(7), profile: profile.isEmpty ? nil : profile, version: UInt64(clamping: row.int64(9)),
            note: row.optionalText(10))
    }
}
