package import Profiles
import SQLite

/// The changes of one member of a group commit: rows inside the writer's transaction, and the content they make.
///
/// The content was found current inside the same transaction, so checks against it are checks against the file. Every
/// change is state, history row, audit row and an advanced `updated_at_ms` (gateway.md §6). Nothing is visible before
/// the group's commit. Used by the tenant's worker only.
package struct RegistryTransaction {
    let connection: Connection
    package let context: ChangeContext
    var content: TenantContent
    /// What the operator mounted beside the tenant's own registries: to be seen, not to be written.
    let mounted: MountedRegistries
    /// The revision of this member's change; nil while it has changed nothing.
    private(set) var revision: UInt64?
    /// What the audit shall say beside the change itself.
    var note: String?

    init(
        connection: Connection, context: ChangeContext, content: TenantContent, mounted: MountedRegistries = .none
    ) {
        self.connection = connection
        self.context = context
        self.content = content
        self.mounted = mounted
    }

    var hasChanged: Bool { revision != nil }

    /// What the transaction sees: the committed state with its own changes.
    package func registry(_ slug: RegistrySlug) -> RegistrySnapshot? { content.registries[slug.rawValue] }

    /// The named registry, usable; throws `registryNotFound` or `damaged`.
    package func usableRegistry(_ slug: RegistrySlug) throws(RegistryError) -> RegistrySnapshot {
        guard let registry = registry(slug) else {
            try refuseMounted(slug)
            throw .registryNotFound(slug.rawValue)
        }
        try registry.check()
        return registry
    }

    /// What profiles are layered on: the tenant's own registries and the mounted ones.
    var lookup: TenantLookup { TenantLookup(content: content, mounted: mounted) }

    /// Throws `readOnlySource` for a registry that a source has.
    func refuseMounted(_ slug: RegistrySlug) throws(RegistryError) {
        guard let mount = mounted.registries[slug.rawValue]?.mount else { return }
        throw .readOnlySource(registry: slug.rawValue, source: mount.label)
    }

    /// The revision this member's rows carry: one per member, ever growing per tenant.
    mutating func changeRevision() -> UInt64 {
        if let revision { return revision }
        content.revision += 1
        revision = content.revision
        return content.revision
    }

    /// The stamp of a change in a registry: its time is later than the registry's last.
    func stamp(after registry: RegistrySnapshot?) -> ChangeStamp {
        ChangeStamp(
            actor: context.actor, source: context.source,
            nowMs: max(context.nowMs, registry.map { $0.updatedAtMs + 1 } ?? 0))
    }
}

/// What kind of change a history or audit row is about.
enum ChangeAction: String {
    case create, update, replace, delete, rollback
    case setDefault = "set_default"
    /// Found in the file, made by another process.
    case adopt
    /// Taken over from a whole document in `payload_json`.
    case takeOver = "take_over"
    case bootstrap
    /// Written from a document of registries.
    case importDocument = "import"
    /// A backup was put in the file's place; only in the audit.
    case restore
}
