import Profiles
import SQLite

/// Takes in what another process wrote: gives it versions, revisions and history, as a change of ours would have.
///
/// Without it an edit by hand would keep its old version, and a client's guarded write on the state before it would
/// silently overwrite it. Marked by revision 0 (the schema's triggers and column defaults) or recognised against the
/// state known before. Runs inside the writer's transaction.
struct Adoption {
    let found: FoundContent
    /// The state before; nil when the file is being opened.
    let known: TenantContent?
    /// Asked before each profile that is written.
    var cancellation: Cancellation?

    private static let adopting = "taking over what others wrote"

    /// The adopted content; nil when there was nothing to adopt.
    func run(on connection: Connection, nowMs: Int64) throws(RegistryError) -> TenantContent? {
        let context = ChangeContext(actor: "sqlite", source: "outside", requestID: "", nowMs: nowMs)
        var transaction = RegistryTransaction(connection: connection, context: context, content: found.content)
        // A new epoch already tells every state of this file from those before.
        let comparable = known?.epoch == found.content.epoch ? known : nil
        for registry in found.content.registries where registry.state == .ok {
            if let embedded = found.embedded[registry.slug] {
                try takeOver(embedded, in: registry, &transaction)
            } else {
                try adopt(registry, known: comparable?.registries[registry.key], &transaction)
            }
        }
        for registry in comparable.map({ Array($0.registries) }) ?? [] where registry.state == .ok {
            if transaction.registry(registry.slug) == nil { try recordDeletion(of: registry, &transaction) }
        }
        return transaction.hasChanged ? transaction.content : nil
    }

    private func adopt(
        _ registry: RegistrySnapshot, known: RegistrySnapshot?, _ transaction: inout RegistryTransaction
    ) throws(RegistryError) {
        var isTouched = false
        for entry in registry.entries {
            let before = known?.profile(entry.slug)
            try cancellation?.check(Self.adopting)
            if entry.revision == 0 || isEdited(entry, before) {
                try adopt(entry, &transaction)
                isTouched = true
            } else if let before, before.isDefault != entry.isDefault, before.revision == entry.revision {
                try transaction.revise(entry.slug, in: registry.slug, isDefault: entry.isDefault)
                isTouched = true
            }
        }
        for entry in known.map({ Array($0.entries) }) ?? [] where registry.profile(entry.slug) == nil {
            try transaction.recordRemoval(of: entry)
            isTouched = true
        }
        let isEdited = known.map { $0.stored != registry.stored && $0.revision == registry.revision } ?? false
        if registry.revision == 0 || isEdited || isTouched {
            try adopt(registry.registry, ownChange: registry.revision == 0 || isEdited, &transaction)
        }
    }

    private func isEdited(_ entry: ProfileEntry, _ before: ProfileEntry?) -> Bool {
        guard let before else { return false }
        return before.revision == entry.revision && before.stored != entry.stored
    }

    private func adopt(_ entry: ProfileEntry, _ transaction: inout RegistryTransaction) throws(RegistryError) {
        var profile = try entry.decode()
        let last = try transaction.lastVersion(entry.registry, entry.key)
        profile.metadata.version = max(profile.metadata.version, last + 1)
        try transaction.put(profile, in: entry.registry, isDefault: entry.isDefault, action: .adopt)
    }

    private func adopt(
        _ registry: Registry, ownChange: Bool, _ transaction: inout RegistryTransaction
    ) throws(RegistryError) {
        var registry = registry
        let last = try transaction.lastVersion(registry.slug, "")
        let before = known?.registries[registry.slug.rawValue]?.registry.metadata.version ?? 0
        registry.metadata.version = max(registry.metadata.version, max(last, before) + 1)
        registry.metadata.updatedAtMs = max(registry.metadata.updatedAtMs, transaction.context.nowMs)
        try transaction.put(registry, action: ownChange ? .adopt : nil)
    }

    /// A whole document in `payload_json`: it is what the registry shall be, so rows it does not have are removed.
    private func takeOver(
        _ profiles: [Profile], in registry: RegistrySnapshot, _ transaction: inout RegistryTransaction
    ) throws(RegistryError) {
        let kept = Set(profiles.map(\.slug))
        for entry in registry.entries where !kept.contains(entry.slug) {
            try transaction.remove(entry, action: .takeOver)
        }
        for var profile in profiles {
            try cancellation?.check(Self.adopting)
            let isDefault = registry.registry.defaultProfileSlug == profile.slug
            let present = registry.profile(profile.slug)
            if let present, try present.decode() == profile, present.isDefault == isDefault { continue }
            let last = try transaction.lastVersion(registry.slug, profile.slug.rawValue)
            profile.metadata.version = max(profile.metadata.version, last + 1)
            try transaction.put(profile, in: registry.slug, isDefault: isDefault, action: .takeOver)
        }
        var document = registry.registry
        let last = try transaction.lastVersion(document.slug, "")
        document.metadata.version = max(document.metadata.version, last + 1)
        document.metadata.updatedAtMs = max(document.metadata.updatedAtMs, transaction.context.nowMs)
        try transaction.put(document, action: .takeOver)
    }

    private func recordDeletion(
        of registry: RegistrySnapshot, _ transaction: inout RegistryTransaction
    ) throws(RegistryError) {
        for entry in registry.entries { try transaction.recordRemoval(of: entry) }
        try transaction.recordRemoval(of: registry)
    }
}

extension RegistryTransaction {
    /// The history of a row another process deleted.
    mutating func recordRemoval(of entry: ProfileEntry) throws(RegistryError) {
        _ = changeRevision()
        let version = try lastVersion(entry.registry, entry.key, atLeast: entry.version) + 1
        try record(.adopt, entry.registry, entry.key, version: version, document: nil)
    }

    /// The history of a registry another process deleted.
    mutating func recordRemoval(of registry: RegistrySnapshot) throws(RegistryError) {
        _ = changeRevision()
        let version = try lastVersion(registry.slug, "", atLeast: registry.registry.metadata.version) + 1
        try record(.adopt, registry.slug, "", version: version, document: nil)
    }
}
