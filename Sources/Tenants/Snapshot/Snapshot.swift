package import Profiles

/// Everything a tenant's registry file says, at one moment; what every read is answered from.
///
/// Immutable; any thread. The writer publishes a new one after each commit.
package final class Snapshot: Sendable {
    let content: TenantContent

    init(_ content: TenantContent) {
        self.content = content
    }

    /// The last committed change.
    package var revision: UInt64 { content.revision }
    package var epoch: UInt64 { content.epoch }

    /// The strong entity tag of the list of registries.
    package var etag: String { EntityTag.text(revision: revision, epoch: epoch) }

    package func registry(_ slug: RegistrySlug) -> RegistrySnapshot? { content.registries[slug.rawValue] }

    /// All registries in slug order.
    package var registries: [RegistrySnapshot] { Array(content.registries) }

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
