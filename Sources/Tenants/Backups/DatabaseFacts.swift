import JSON
import SQLite

/// What one state of a database holds, counted; equal for a database and a faithful copy of that state.
package struct DatabaseFacts: Sendable, Equatable {
    /// `PRAGMA user_version`.
    package var schemaVersion: Int64
    /// Of a registry file: the last change and the epoch it belongs to.
    package var revision: UInt64?
    package var epoch: UInt64?
    /// Rows by table, in the tables' order of names.
    package var rows: [(table: String, count: Int64)]

    package static func == (left: DatabaseFacts, right: DatabaseFacts) -> Bool {
        left.schemaVersion == right.schemaVersion && left.revision == right.revision && left.epoch == right.epoch
            && left.rows.elementsEqual(right.rows) { $0 == $1 }
    }

    /// Counts inside the transaction that is open on the connection. Blocks as files do.
    init(reading connection: Connection) throws(SQLiteError) {
        schemaVersion = try connection.userVersion()
        var tables: [String] = []
        try connection.query(
            """
            SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name
            """
        ) { row in
            tables.append(row.text(0))
            return true
        }
        rows = []
        for table in tables {
            let quoted = table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            rows.append((table, try connection.integer("SELECT count(*) FROM \"\(quoted)\"") ?? 0))
        }
        guard tables.contains("gateway_meta") else { return }
        func meta(_ key: String) throws(SQLiteError) -> UInt64? {
            try connection.first("SELECT value FROM gateway_meta WHERE key = ?1", .text(key)) {
                UInt64(bitPattern: $0.int64(0))
            }
        }
        revision = try meta("revision")
        epoch = try meta("epoch")
    }

    /// Nil when a member is missing or of another type.
    init?(_ object: JSONObject) {
        guard let version = object["schema_version"]?.numberValue?.int64, let counts = object["rows"]?.objectValue
        else { return nil }
        schemaVersion = version
        revision = object["revision"]?.numberValue?.uint64
        epoch = object["epoch"]?.stringValue.flatMap { UInt64($0, radix: 16) }
        rows = []
        for (table, count) in counts {
            guard let count = count.numberValue?.int64 else { return nil }
            rows.append((table, count))
        }
    }

    func append(to object: inout JSONObject) {
        object["schema_version"] = .number(JSONNumber(schemaVersion))
        if let revision { object["revision"] = .number(JSONNumber(revision)) }
        if let epoch { object["epoch"] = .string(String(epoch, radix: 16)) }
        var counts = JSONObject()
        for (table, count) in rows { counts[table] = .number(JSONNumber(count)) }
        object["rows"] = .object(counts)
    }

    /// The first table whose count differs, in words; nil when nothing does.
    func difference(from other: DatabaseFacts) -> String? {
        guard self != other else { return nil }
        for (table, count) in rows {
            let found = other.rows.first { $0.table == table }?.count
            if found != count { return "table \(table) has \(found.map(String.init) ?? "no") rows instead of \(count)" }
        }
        return "schema version, revision or epoch differ"
    }
}
