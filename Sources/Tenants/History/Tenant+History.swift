package import Profiles
import SQLite

// Questions to the history and the audit; each suspends, and is answered by the reader (`Tenant+Reading.swift`).
extension Tenant {
    /// About how many bytes of documents one page holds at most; there is always one entry.
    static let maximumPageBytes = 4 << 20

    /// The versions of a profile that exists or once did, newest first; of the registry itself when `slug` is nil. A mounted
    /// registry has none, whatever the tenant's own of that name once had.
    ///
    /// - Parameters:
    ///   - limit: most entries, at least 1; the page may be cut earlier when its documents are large.
    ///   - before: only versions below this one.
    /// - Throws: `profileNotFound` or `registryNotFound` when there never was one; what `read` throws.
    package func versions(
        of slug: ProfileSlug?, in registry: RegistrySlug, limit: Int, before: UInt64? = nil
    ) async throws(RegistryError) -> HistoryPage {
        if let mounted = mountedRegistry(registry) {
            if let slug, mounted.profile(slug) == nil { throw Self.unknown(slug, registry) }
            return HistoryPage(entries: [], epoch: mounted.epoch, isCut: false)
        }
        let (entries, isKnown, isCut) = try await read {
            connection throws(SQLiteError) -> ([HistoryEntry], Bool, Bool) in
            var entries: [HistoryEntry] = []
            var (bytes, isCut) = (0, false)
            try connection.query(
                HistorySQL.versions, .text(registry.rawValue), .text(slug?.rawValue ?? ""),
                .integer(unsigned: before ?? .max), .integer(Int64(limit) + 1)
            ) { row in
                guard entries.count < limit, bytes < Self.maximumPageBytes else {
                    isCut = true
                    return false
                }
                let entry = HistoryEntry(row, registry: registry, profile: slug)
                bytes += entry.stored?.count ?? 0
                entries.append(entry)
                return true
            }
            if !entries.isEmpty { return (entries, true, isCut) }
            return (entries, try HistorySQL.isKnown(slug, in: registry, connection), false)
        }
        let snapshot = snapshot
        let isPresent =
            slug.map { snapshot.registry(registry)?.profile($0) != nil } ?? (snapshot.registry(registry) != nil)
        // One whose history was dropped from the file has an empty one.
        guard isKnown || isPresent else { throw Self.unknown(slug, registry) }
        return HistoryPage(entries: entries, epoch: snapshot.epoch, isCut: isCut)
    }

    /// One version of a profile, or of the registry itself when `slug` is nil.
    ///
    /// - Throws: `versionNotFound` when there never was such a version or retention has removed it; `noVersions` for a
    ///   mounted registry; `profileNotFound` or `registryNotFound` when there never was such a thing; what `read` throws.
    package func version(
        _ number: UInt64, of slug: ProfileSlug?, in registry: RegistrySlug
    ) async throws(RegistryError) -> HistoryEntry {
        try refuseMounted(slug, in: registry)
        let (entry, isKnown) = try await read { connection throws(SQLiteError) -> (HistoryEntry?, Bool) in
            if let entry = try HistorySQL.version(number, of: slug, in: registry, connection) { return (entry, true) }
            return (nil, try HistorySQL.isKnown(slug, in: registry, connection))
        }
        if let entry { return entry }
        guard isKnown else { throw Self.unknown(slug, registry) }
        throw .versionNotFound(slug == nil ? .registry : .profile, slug?.rawValue ?? registry.rawValue, number)
    }

    /// Two versions of a profile to compare: `to`, or its newest, and `from`, or the one before `to` (nil: there is none).
    ///
    /// - Throws: as `version(_:of:in:)`.
    package func versions(
        from: UInt64?, to: UInt64?, of slug: ProfileSlug, in registry: RegistrySlug
    ) async throws(RegistryError) -> (from: HistoryEntry?, to: HistoryEntry) {
        try refuseMounted(slug, in: registry)
        typealias Pair = (from: HistoryEntry?, to: HistoryEntry)
        let result = try await read { connection throws(SQLiteError) -> Result<Pair, RegistryError> in
            func find(_ number: UInt64) throws(SQLiteError) -> HistoryEntry? {
                try HistorySQL.version(number, of: slug, in: registry, connection)
            }
            func missing(_ number: UInt64) throws(SQLiteError) -> Result<Pair, RegistryError> {
                guard try HistorySQL.isKnown(slug, in: registry, connection) else {
                    return .failure(Self.unknown(slug, registry))
                }
                return .failure(.versionNotFound(.profile, slug.rawValue, number))
            }
            var newer: HistoryEntry?
            if let to {
                newer = try find(to)
            } else {
                newer = try HistorySQL.newest(of: slug, in: registry, below: .max, connection)
            }
            guard let newer else { return try missing(to ?? 0) }
            guard let from else {
                let older = try HistorySQL.newest(of: slug, in: registry, below: newer.version, connection)
                return .success((older, newer))
            }
            guard let older = try find(from) else { return try missing(from) }
            return .success((older, newer))
        }
        return try result.get()
    }

    /// The audit, newest first.
    package func audit(_ query: AuditQuery) async throws(RegistryError) -> (entries: [AuditEntry], isCut: Bool) {
        var entries = try await read { connection throws(SQLiteError) in
            var entries: [AuditEntry] = []
            try connection.query(
                HistorySQL.audit, .integer(unsigned: query.before ?? .max), .optional(query.registry?.rawValue),
                .optional(query.profile?.rawValue), .optional(query.actor), .integer(query.sinceMs ?? .min),
                .integer(Int64(query.limit) + 1)
            ) { row in
                entries.append(AuditEntry(row))
                return true
            }
            return entries
        }
        guard entries.count > query.limit else { return (entries, false) }
        entries.removeLast()
        return (entries, true)
    }

    private func mountedRegistry(_ slug: RegistrySlug) -> RegistrySnapshot? {
        guard let registry = snapshot.registry(slug), registry.mount != nil else { return nil }
        return registry
    }

    private func refuseMounted(_ slug: ProfileSlug?, in registry: RegistrySlug) throws(RegistryError) {
        guard let mounted = mountedRegistry(registry), let mount = mounted.mount else { return }
        if let slug, mounted.profile(slug) == nil { throw Self.unknown(slug, registry) }
        throw .noVersions(registry: registry.rawValue, source: mount.label)
    }

    private static func unknown(_ slug: ProfileSlug?, _ registry: RegistrySlug) -> RegistryError {
        slug.map { .profileNotFound($0.rawValue) } ?? .registryNotFound(registry.rawValue)
    }
}
