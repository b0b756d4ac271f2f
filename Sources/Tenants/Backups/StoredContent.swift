import Profiles
import SQLite

/// Every document of a registry file as one transaction sees it, decoded, without adopting or changing anything.
struct StoredContent {
    let content: TenantContent
    /// Whole documents found in `payload_json`, by registry: they are taken over at the next opening.
    let embedded: [RegistrySlug: [Profile]]

    /// Inside the transaction that is open on the connection; the file has our tables. Blocks as files do; throws
    /// `cancelled`.
    init(reading connection: Connection, tenant: String, _ cancellation: Cancellation) throws {
        let found = try RegistryStore(
            tenant: tenant, file: RegistryFile(path: connection.path), options: connection.options,
            environment: .silent, cancellation: cancellation
        ).read(connection)
        content = found.content
        embedded = found.embedded
    }

    init(_ content: TenantContent) {
        self.content = content
        embedded = [:]
    }

    /// What cannot be read, at most one per registry.
    var damages: [RegistryError.Damage] {
        content.registries.compactMap { registry in
            if case .damaged(let damage) = registry.state { damage } else { nil }
        }
    }

    /// The number of a history row whose document is no JSON; nil when there is none.
    static func unreadableHistory(_ connection: Connection) throws(SQLiteError) -> Int64? {
        try connection.integer(
            """
            SELECT id FROM profile_history WHERE document_json IS NOT NULL AND NOT json_valid(document_json)
                ORDER BY id LIMIT 1
            """)
    }
}

extension TenantEnvironment {
    /// For looking at a file nobody serves: tells nobody anything.
    static let silent = TenantEnvironment(nowMs: { 0 }, random: { 1 }, log: { _ in })
}
