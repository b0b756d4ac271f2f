import JSON
import Profiles
import SQLite

extension RegistryStore {
    /// Reads the whole file into `content` and adopts what others wrote into it.
    ///
    /// Entries whose bytes are the ones already known are kept, so that a small change in a large file costs a scan and
    /// not ten thousand decodings. Damage is part of the result, not an error.
    func load() throws {
        let writer = try connections.writer()
        if isReadOnly { return try readOnly(writer) }
        do {
            try writer.begin(.immediate)
        } catch  where error.isBusy {
            // Someone is writing: what is committed can be read, and is adopted when the lock is free.
            return try readOnly(writer)
        }
        do {
            try readAndAdopt(writer)
            let version = try writer.dataVersion()
            try writer.commit()
            dataVersion = version
            try noteLog(writer)
            noteAdopted()
        } catch {
            try writer.rollback()
            throw error
        }
        owesReading = false
        if !usesWriteAheadLog { try noteMainIdentity(writer) }
    }

    private func readOnly(_ writer: Connection) throws {
        try writer.transaction(.deferred) {
            try RegistrySchema.requireOurs(writer)
            content = try read(writer).content
            // A version that never matches: there may be something to adopt.
            dataVersion = isReadOnly ? try writer.dataVersion() : nil
        }
        if owesNewEpoch { content = try read(writer, epoch: environment.random()).content }
        try noteLog(writer)
        owesReading = false
    }

    /// Reads and adopts inside an open write transaction; the caller commits, and calls `noteAdopted` when that is done.
    func readAndAdopt(_ writer: Connection) throws {
        try RegistrySchema.requireOurs(writer)
        let known = content
        if owesNewEpoch {
            try writer.run(
                "INSERT INTO gateway_meta (key, value) VALUES ('epoch', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
                .integer(Int64(bitPattern: environment.random())))
        }
        let found = try read(writer)
        // A takeover of a whole file was backed up before its first change; a pasted document is here.
        if !found.embedded.isEmpty && !takeoverPending { try backUpBeside() }
        content = found.content
        let adoption = Adoption(found: found, known: isLoaded ? known : nil, cancellation: cancellation)
        if let adopted = try adoption.run(on: writer, nowMs: environment.nowMs()) {
            content = adopted
            try writeRevision(writer, adopted.revision)
            log(.info, "changes made by another process adopted", [("revision", "\(adopted.revision)")])
        }
    }

    /// What was owed to the file is committed: not before, or a failed commit would leave an old epoch in force.
    func noteAdopted() {
        takeoverPending = false
        owesNewEpoch = false
    }

    func writeRevision(_ writer: Connection, _ revision: UInt64) throws(SQLiteError) {
        try writer.run(
            "INSERT INTO gateway_meta (key, value) VALUES ('revision', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
            .integer(unsigned: revision))
    }

    /// The file's state as far as it can be read, inside an open transaction.
    func read(_ connection: Connection, epoch given: UInt64? = nil) throws -> FoundContent {
        let epoch = try given ?? meta("epoch", connection) ?? 0
        var found = FoundContent(
            content: TenantContent(epoch: epoch, revision: try meta("revision", connection) ?? 0))
        var rows = try profileRows(connection)
        try connection.query(
            """
            SELECT r.slug, r.payload_json, r.updated_at_ms, coalesce(s.revision, 0) FROM profile_registries r
                LEFT JOIN profile_registry_state s ON s.slug = r.slug ORDER BY r.slug
            """
        ) { row in
            let slug = row.text(0)
            self.add(
                RegistryRow(
                    slug: slug, stored: row.bytes(1), updatedAtMs: row.int64(2),
                    revision: UInt64(clamping: row.int64(3)), profiles: rows.removeValue(forKey: slug) ?? []),
                to: &found)
            return !isGivenUp
        }
        try cancellation?.check("reading \(connection.path)")
        // After a lost counter (a row deleted by hand) no revision may come twice.
        found.content.revision = max(found.content.revision, found.highestRevision)
        return found
    }

    /// What is read from here on is of no use; `read` throws `cancelled`.
    private var isGivenUp: Bool { cancellation?.isCancelled ?? false }

    private func meta(_ key: String, _ connection: Connection) throws(SQLiteError) -> UInt64? {
        try connection.first("SELECT value FROM gateway_meta WHERE key = ?1", .text(key)) {
            UInt64(bitPattern: $0.int64(0))
        }
    }

    private struct RegistryRow {
        let slug: String
        let stored: [UInt8]
        let updatedAtMs: Int64
        let revision: UInt64
        let profiles: [ProfileRow]
    }

    private struct ProfileRow {
        let slug: String
        /// Nil when the known entry has the same bytes under the same revision.
        let stored: [UInt8]?
        let revision: UInt64
        let known: ProfileEntry?
    }

    /// The profile rows by registry, in slug order.
    private func profileRows(_ connection: Connection) throws(SQLiteError) -> [String: [ProfileRow]] {
        var rows: [String: [ProfileRow]] = [:]
        try connection.query(
            "SELECT registry_slug, slug, document_json, revision FROM profiles ORDER BY registry_slug, slug"
        ) { row in
            let (registry, slug) = (row.text(0), row.text(1))
            let revision = UInt64(clamping: row.int64(3))
            let known = content.registries[registry]?.entries[slug]
            let isKnown = known.map { row.bytes(2, equal: $0.stored) } ?? false
            rows[registry, default: []].append(
                ProfileRow(
                    slug: slug, stored: isKnown ? nil : row.bytes(2), revision: revision, known: isKnown ? known : nil))
            return !isGivenUp
        }
        return rows
    }

    private func add(_ row: RegistryRow, to found: inout FoundContent) {
        var state = RegistrySnapshot.State.ok
        var registry = Registry(slug: RegistrySlug(normalised: row.slug))
        do throws(RegistryError) {
            let document = try StoredDocument.registry(
                row.stored, slug: row.slug, origin: takeoverPending ? .foreign : .ours)
            registry = document.registry
            if !document.profiles.isEmpty { found.embedded[registry.slug] = document.profiles }
        } catch {
            state = Self.state(error)
        }
        var entries: [ProfileEntry] = []
        entries.reserveCapacity(row.profiles.count)
        for profile in row.profiles where !isGivenUp {
            do throws(RegistryError) {
                entries.append(try entry(profile, in: registry, epoch: found.content.epoch))
            } catch {
                if state == .ok { state = Self.state(error) }
            }
            found.highestRevision = max(found.highestRevision, profile.revision)
        }
        found.highestRevision = max(found.highestRevision, row.revision)
        found.content.registries.put(
            RegistrySnapshot(
                registry, state: state, revision: row.revision, epoch: found.content.epoch,
                updatedAtMs: row.updatedAtMs, stored: row.stored, entries: SortedList(sorted: entries),
                stacked: SortedList(sorted: entries.filter { !$0.stack.isEmpty })))
    }

    private func entry(_ row: ProfileRow, in registry: Registry, epoch: UInt64) throws(RegistryError) -> ProfileEntry {
        let isDefault = registry.defaultProfileSlug?.rawValue == row.slug
        if let known = row.known {
            if known.isDefault == isDefault && known.revision == row.revision && known.epoch == epoch { return known }
            return try ProfileEntry(known, isDefault: isDefault, revision: row.revision, epoch: epoch)
        }
        let profile = try StoredDocument.profile(row.stored ?? [], registry: registry.slug.rawValue, slug: row.slug)
        return ProfileEntry(
            profile, registry: registry.slug, isDefault: isDefault, revision: row.revision, epoch: epoch)
    }

    private static func state(_ error: RegistryError) -> RegistrySnapshot.State {
        if case .damaged(let damage) = error { return .damaged(damage) }
        return .damaged(
            RegistryError.Damage(table: "profiles", row: "?", column: "?", reason: error.message))
    }
}

/// What a reading of the file found.
struct FoundContent {
    var content: TenantContent
    /// Profiles inside `payload_json`, by registry: a file of the origin, or a pasted document.
    var embedded: [RegistrySlug: [Profile]] = [:]
    var highestRevision: UInt64 = 0
}
