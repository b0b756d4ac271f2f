import SQLite

/// Finds what retention no longer keeps, a few rows at a time; asked by the reader, so that no write waits for it.
struct PruningPass: Sendable {
    /// Rows to delete in one small transaction.
    struct Batch: Sendable {
        var versions: [Int64] = []
        var auditEntries: [Int64] = []
        /// Of the file they were found in: the same numbers mean other rows in another.
        let epoch: UInt64

        var isEmpty: Bool { versions.isEmpty && auditEntries.isEmpty }
    }

    /// Deleting this many takes the writer a few milliseconds.
    static let batchSize = 100

    private let epoch: UInt64
    private var excessVersions: Int64
    private var excessAuditEntries: Int64
    /// The last rows that are too old, whether they may go or not.
    private let oldVersions: Int64
    private let oldAuditEntries: Int64
    /// Rows up to here were looked at, by age and by count; those that are left may not go.
    private var ageCursor: Int64 = 0
    private var countCursor: Int64 = 0

    /// Counts, and looks where the rows that are too old end.
    init(_ retention: HistoryRetention, nowMs: Int64, _ connection: Connection) throws(SQLiteError) {
        epoch = try Self.epoch(connection)
        excessVersions = try Self.count("profile_history", connection) - Int64(retention.maximumVersions)
        excessAuditEntries = try Self.count("profile_audit", connection) - Int64(retention.maximumAuditEntries)
        oldVersions = try Self.lastID(
            in: "profile_history", before: nowMs - retention.maximumVersionAge.milliseconds, connection)
        oldAuditEntries = try Self.lastID(
            in: "profile_audit", before: nowMs - retention.maximumAuditAge.milliseconds, connection)
    }

    /// The next rows that may go; empty when there are none left, or when another file has been put in place.
    mutating func next(_ connection: Connection) throws(SQLiteError) -> Batch {
        var batch = Batch(epoch: epoch)
        guard try Self.epoch(connection) == epoch else { return batch }
        batch.versions = try versions(after: ageCursor, upTo: oldVersions, limit: Self.batchSize, connection)
        if let last = batch.versions.last {
            ageCursor = last
        } else {
            // What is left there may not go: looking through it again for every batch by count could take long.
            ageCursor = oldVersions
        }
        if batch.versions.isEmpty, excessVersions > 0 {
            batch.versions = try versions(
                after: countCursor, upTo: .max, limit: min(Self.batchSize, Int(clamping: excessVersions)), connection)
            countCursor = batch.versions.last ?? .max
        }
        excessVersions -= Int64(batch.versions.count)
        batch.auditEntries = try auditEntries(upTo: oldAuditEntries, limit: Self.batchSize, connection)
        if batch.auditEntries.isEmpty, excessAuditEntries > 0 {
            batch.auditEntries = try auditEntries(
                upTo: .max, limit: min(Self.batchSize, Int(clamping: excessAuditEntries)), connection)
        }
        excessAuditEntries -= Int64(batch.auditEntries.count)
        return batch
    }

    private func versions(
        after cursor: Int64, upTo end: Int64, limit: Int, _ connection: Connection
    ) throws(SQLiteError) -> [Int64] {
        var found: [Int64] = []
        try connection.query(
            """
            SELECT h.id FROM profile_history h WHERE h.id > ?1 AND h.id <= ?2
                AND EXISTS (SELECT 1 FROM profile_history n WHERE n.registry_slug = h.registry_slug
                    AND n.profile_slug = h.profile_slug AND n.version > h.version)
                AND (h.document_json IS NOT NULL OR EXISTS (
                    SELECT 1 FROM profile_history n WHERE n.registry_slug = h.registry_slug
                    AND n.profile_slug = h.profile_slug AND n.version > h.version AND n.document_json IS NULL))
                ORDER BY h.id LIMIT ?3
            """,
            .integer(cursor), .integer(end), .integer(Int64(limit))
        ) { row in
            found.append(row.int64(0))
            return true
        }
        return found
    }

    private func auditEntries(upTo end: Int64, limit: Int, _ connection: Connection) throws(SQLiteError) -> [Int64] {
        var found: [Int64] = []
        try connection.query(
            "SELECT id FROM profile_audit WHERE id <= ?1 ORDER BY id LIMIT ?2", .integer(end), .integer(Int64(limit))
        ) { row in
            found.append(row.int64(0))
            return true
        }
        return found
    }

    private static func epoch(_ connection: Connection) throws(SQLiteError) -> UInt64 {
        UInt64(bitPattern: try connection.integer("SELECT value FROM gateway_meta WHERE key = 'epoch'") ?? 0)
    }

    private static func count(_ table: String, _ connection: Connection) throws(SQLiteError) -> Int64 {
        try connection.integer("SELECT count(*) FROM \(table)") ?? 0
    }

    /// The last row older than a moment: rows are in the order of their time, so a few of them tell.
    private static func lastID(
        in table: String, before moment: Int64, _ connection: Connection
    ) throws(SQLiteError) -> Int64 {
        func isOld(_ id: Int64) throws(SQLiteError) -> Bool {
            // The row, or the first one behind a gap.
            let time = try connection.first(
                "SELECT at_ms FROM \(table) WHERE id >= ?1 ORDER BY id LIMIT 1", .integer(id)
            ) { $0.int64(0) }
            return time.map { $0 < moment } ?? false
        }
        var (low, high) = (Int64(0), try connection.integer("SELECT coalesce(max(id), 0) FROM \(table)") ?? 0)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if try isOld(middle) { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

extension Duration {
    /// Whole milliseconds.
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
