package import Profiles

/// Everything a tenant's registry file says, at one moment; what every read is answered from.
///
/// Immutable; any thread. The writer publishes a new one after each commit.
package final class Snapshot: Sendable {
    let content: TenantContent
    /// What the operator mounted beside it.
    let mounted: MountedRegistries

    init(_ content: TenantContent, mounted: MountedRegistries = .none) {
        self.content = content
        self.mounted = mounted
    }

    /// The registry that is meant where none is named: the top source's, else `default` (origin 5.4).
    ///
    /// Throws `defaultRegistryUnavailable` while it cannot be known: another one would answer with other prompts, under
    /// another policy, and take the writes.
    package var defaultRegistry: RegistrySlug {
        get throws(RegistryError) {
            if let problem = mounted.undecided { throw .defaultRegistryUnavailable(source: problem.label) }
            return mounted.top ?? .default
        }
    }

    /// Whether a bare name means a profile of this registry.
    package func isDefault(_ registry: RegistrySlug) -> Bool {
        mounted.undecided == nil && registry == mounted.top ?? .default
    }

    /// The last committed change.
    package var revision: UInt64 { content.revision }
    package var epoch: UInt64 { content.epoch }

    /// The strong entity tag of the list of registries.
    package var etag: String { EntityTag.text(revision: revision, epoch: epoch ^ mounted.fingerprint) }

    package func registry(_ slug: RegistrySlug) -> RegistrySnapshot? {
        content.registries[slug.rawValue] ?? mounted.registries[slug.rawValue]
    }

    /// All registries in slug order, mounted ones among them.
    package var registries: [RegistrySnapshot] {
        guard !mounted.registries.isEmpty else { return Array(content.registries) }
        let others = mounted.registries.filter { content.registries[$0.key] == nil }
        return (Array(content.registries) + others).sorted { $0.slug < $1.slug }
    }

    /// The tenant's own registries, in slug order.
    package var ownRegistries: [RegistrySnapshot] { Array(content.registries) }

    /// The named registry, usable; throws `registryNotFound` or `damaged`.
    package func usableRegistry(_ slug: RegistrySlug) throws(RegistryError) -> RegistrySnapshot {
        guard let registry = registry(slug) else { throw .registryNotFound(slug.rawValue) }
        try registry.check()
        return registry
    }

    /// The named profile of a usable registry; throws `registryNotFound`, `damaged` or `profileNotFound`.
    package func profile(_ slug: ProfileSlug, in registry: RegistrySlug) throws(RegistryError) -> ProfileEntry {
        guard let entry = try usableRegistry(registry).profile(slug) else { throw .profileNotFound(slug.rawValue) }
        return entry
    }
}

/// A snapshot's content as a value: what a transaction changes a copy of.
struct TenantContent: Sendable {
    var epoch: UInt64
    var revision: UInt64
    var registries = SortedList<RegistrySnapshot>()

    static let empty = TenantContent(epoch: 0, revision: 0)

    /// About what the content occupies in memory, in bytes.
    var weight: Int { 4096 + registries.weight }
}
