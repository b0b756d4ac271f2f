import JSON
import Profiles
import SQLite

// The rows behind a change. Each function keeps the file and `content` in step.
extension RegistryTransaction {
    /// Writes a profile and gives it this change's revision; returns its new entry.
    @discardableResult
    mutating func put(
        _ profile: Profile, in registry: RegistrySlug, isDefault: Bool, action: ChangeAction
    ) throws(RegistryError) -> ProfileEntry {
        let revision = changeRevision()
        let entry = ProfileEntry(
            profile, registry: registry, isDefault: isDefault, revision: revision, epoch: content.epoch)
        try writing { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO profiles (registry_slug, slug, document_json, version, revision, updated_at_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (registry_slug, slug) DO UPDATE SET document_json = excluded.document_json,
                    version = excluded.version, revision = excluded.revision, updated_at_ms = excluded.updated_at_ms
                """,
                .text(registry.rawValue), .text(entry.key), .utf8(entry.stored), .integer(unsigned: entry.version),
                .integer(unsigned: revision), .integer(entry.updatedAtMs))
        }
        try record(action, registry, entry.key, version: entry.version, document: entry.stored)
        try update(registry, put: entry)
        return entry
    }

    /// Removes a profile's row; its history goes on with the version after its last.
    mutating func remove(_ entry: ProfileEntry, action: ChangeAction) throws(RegistryError) {
        _ = changeRevision()
        try writing { connection throws(SQLiteError) in
            try connection.run(
                "DELETE FROM profiles WHERE registry_slug = ?1 AND slug = ?2",
                .text(entry.registry.rawValue), .text(entry.key))
        }
        let version = try lastVersion(entry.registry, entry.key, atLeast: entry.version) + 1
        try record(action, entry.registry, entry.key, version: version, document: nil)
        try update(entry.registry, remove: entry)
    }

    /// Gives a profile's unchanged document a new revision, with or without being the default.
    mutating func revise(_ slug: ProfileSlug, in registry: RegistrySlug, isDefault: Bool) throws(RegistryError) {
        guard let entry = self.registry(registry)?.profile(slug) else { return }
        let revision = changeRevision()
        try writing { connection throws(SQLiteError) in
            try connection.run(
                "UPDATE profiles SET revision = ?3 WHERE registry_slug = ?1 AND slug = ?2",
                .text(registry.rawValue), .text(slug.rawValue), .integer(unsigned: revision))
        }
        let revised = try ProfileEntry(entry, isDefault: isDefault, revision: revision, epoch: content.epoch)
        try update(registry, put: revised)
    }

    /// Writes a registry's own document with this change's revision; `action` nil: no history of its own, only the
    /// count and time that a change of one of its profiles brings.
    mutating func put(_ registry: Registry, action: ChangeAction?) throws(RegistryError) {
        let revision = changeRevision()
        let stored = registry.storedDocument().encoded()
        let previous = self.registry(registry.slug)
        let updatedAtMs = max(registry.metadata.updatedAtMs, previous.map { $0.updatedAtMs + 1 } ?? 0)
        try writing { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO profile_registries (slug, payload_json, updated_at_ms) VALUES (?1, ?2, ?3)
                ON CONFLICT (slug) DO UPDATE SET payload_json = excluded.payload_json,
                    updated_at_ms = excluded.updated_at_ms
                """,
                .text(registry.slug.rawValue), .utf8(stored), .integer(updatedAtMs))
            try connection.run(
                """
                INSERT INTO profile_registry_state (slug, revision) VALUES (?1, ?2)
                ON CONFLICT (slug) DO UPDATE SET revision = excluded.revision
                """,
                .text(registry.slug.rawValue), .integer(unsigned: revision))
        }
        if let action {
            try record(action, registry.slug, "", version: registry.metadata.version, document: stored)
        }
        content.registries.put(
            RegistrySnapshot(
                registry, revision: revision, epoch: content.epoch, updatedAtMs: updatedAtMs, stored: stored,
                entries: previous?.entries ?? SortedList(),
                stacked: previous?.stacked ?? SortedList()))
    }

    /// Removes an empty registry's row; `profile_registries_deleted` clears what belongs to it.
    mutating func remove(_ registry: RegistrySnapshot, action: ChangeAction) throws(RegistryError) {
        _ = changeRevision()
        try writing { connection throws(SQLiteError) in
            try connection.run("DELETE FROM profile_registries WHERE slug = ?1", .text(registry.key))
        }
        let version = try lastVersion(registry.slug, "", atLeast: registry.registry.metadata.version) + 1
        try record(action, registry.slug, "", version: version, document: nil)
        content.registries.remove(registry.key)
    }

    /// The newest version the history knows of a profile, or of a registry (`slug` empty).
    func lastVersion(
        _ registry: RegistrySlug, _ slug: String, atLeast known: UInt64 = 0
    ) throws(RegistryError) -> UInt64 {
        let recorded = try writing { connection throws(SQLiteError) in
            try connection.first(
                "SELECT max(version) FROM profile_history WHERE registry_slug = ?1 AND profile_slug = ?2",
                .text(registry.rawValue), .text(slug), row: { $0.int64(0) })
        }
        return max(known, UInt64(clamping: recorded ?? 0))
    }

    /// The history and audit rows of a change.
    func record(
        _ action: ChangeAction, _ registry: RegistrySlug, _ slug: String, version: UInt64, document: [UInt8]?
    ) throws(RegistryError) {
        let shared: [SQLValue] = [
            .integer(unsigned: content.revision), .text(registry.rawValue), .text(slug), .integer(unsigned: version),
            .text(action.rawValue), .integer(context.nowMs), .text(context.actor), .text(context.source),
            .text(context.requestID),
        ]
        try writing { connection throws(SQLiteError) in
            // A registry's version also counts changes of its profiles; only its own documents are in the history.
            try connection.run(
                """
                INSERT INTO profile_history (revision, registry_slug, profile_slug, version, action, at_ms,
                    actor, source, request_id, document_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                """,
                values: shared + [document.map { .utf8($0) } ?? .null])
        }
        let notes = [context.overridesReadOnly ? "override_read_only" : nil, note].compactMap { $0 }
        try audit(shared, note: notes.isEmpty ? nil : notes.joined(separator: "; "))
    }

    private func audit(_ values: [SQLValue], note: String?) throws(RegistryError) {
        try writing { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO profile_audit (revision, registry_slug, profile_slug, version, action, at_ms, actor, source,
                    request_id, note, client) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                """,
                values: values + [.optional(note), .optional(context.client)])
        }
    }

    private mutating func update(
        _ slug: RegistrySlug, put added: ProfileEntry? = nil, remove removed: ProfileEntry? = nil
    ) throws(RegistryError) {
        guard let registry = registry(slug) else { throw .registryNotFound(slug.rawValue) }
        var (entries, stacked) = (registry.entries, registry.stacked)
        if let removed {
            entries.remove(removed.key)
            stacked.remove(removed.key)
        }
        if let added {
            entries.put(added)
            if added.stack.isEmpty { stacked.remove(added.key) } else { stacked.put(added) }
        }
        content.registries.put(
            RegistrySnapshot(
                registry.registry, state: registry.state, revision: content.revision, epoch: content.epoch,
                updatedAtMs: registry.updatedAtMs, stored: registry.stored, entries: entries, stacked: stacked))
    }

    func writing<Value>(
        _ body: (Connection) throws(SQLiteError) -> Value
    ) throws(RegistryError) -> Value {
        do {
            return try body(connection)
        } catch {
            throw RegistryError(error, path: connection.path)
        }
    }
}

extension SQLValue {
    /// A counter; SQLite's integers are signed, and no counter gets there.
    static func integer(unsigned value: UInt64) -> SQLValue { .integer(Int64(clamping: value)) }
}
