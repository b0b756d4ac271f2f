package import JSON
package import Profiles

/// One version of a profile, or of a registry's own document, as the history keeps it. Never changes.
package struct HistoryEntry: Sendable {
    package let registry: RegistrySlug
    /// Nil: the registry itself.
    package let profile: ProfileSlug?
    package let version: UInt64
    /// The committed change that made it; with the file's epoch its identity for ever.
    package let revision: UInt64
    /// What kind of change: `create`, `update`, `replace`, `delete`, `rollback`, `set_default`, `bootstrap`, `adopt` and
    /// `take_over` (found in the file, made by another program).
    package let action: String
    /// Wall clock, milliseconds since the epoch.
    package let atMs: Int64
    package let actor: String
    package let source: String
    package let requestID: String
    /// The stored document; nil: the version is a deletion.
    package let stored: [UInt8]?

    package var isDeletion: Bool { stored == nil }

    /// The profile as it was; nil for a deletion. Throws `damaged` when the row cannot be read.
    package func decodeProfile() throws(RegistryError) -> Profile? {
        guard let stored, let profile else { return nil }
        return try StoredDocument.profile(
            stored, registry: registry.rawValue, slug: profile.rawValue, version: version)
    }

    /// The version as a snapshot would hold it, to chat with; nil for a deletion. Throws `damaged`.
    package func profileEntry(epoch: UInt64) throws(RegistryError) -> ProfileEntry? {
        guard let profile = try decodeProfile() else { return nil }
        return ProfileEntry(profile, registry: registry, isDefault: false, revision: revision, epoch: epoch)
    }

    /// The version's own document as the API shows it, literal credentials masked; null for a deletion.
    ///
    /// Without `is_default`, which is no part of a version. Throws `damaged` when the row cannot be read.
    package func document() throws(RegistryError) -> JSONValue {
        guard let stored else { return .null }
        if let profile = try decodeProfile() {
            var document = profile.document(registry: registry, isDefault: false).objectValue ?? [:]
            document["is_default"] = nil
            return .object(document)
        }
        do {
            return try JSONValue(parsing: stored)
        } catch {
            throw .damaged(
                RegistryError.Damage(
                    table: "profile_history", row: "\(registry)@\(version)", column: "document_json",
                    reason: "\(error)"))
        }
    }
}

/// One page of a history, newest first.
package struct HistoryPage: Sendable {
    package let entries: [HistoryEntry]
    /// The file's epoch, for entity tags.
    package let epoch: UInt64
    /// There are older versions than the last one here.
    package let isCut: Bool
}
