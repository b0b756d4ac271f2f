package import Profiles
import Synchronization

/// One registry at one moment: its document, its profiles in slug order, and whether it can be trusted.
///
/// Immutable; any thread. A change makes a new one that shares all but the changed chunk of entries.
package final class RegistrySnapshot: SortedByKey {
    package enum State: Sendable, Equatable {
        case ok
        /// A row could not be read; the registry answers 500 naming it and nothing in it is overwritten (SQ-6, SQ-7).
        case damaged(RegistryError.Damage)
    }

    /// The registry's own fields, without profiles.
    package let registry: Registry
    package let state: State
    /// The last change of the registry or of a profile in it.
    package let revision: UInt64
    package let epoch: UInt64
    package let updatedAtMs: Int64
    /// The stored document, to tell whether another process changed it.
    let stored: [UInt8]
    let entries: SortedList<ProfileEntry>
    /// The profiles that are layered on others: few, and looked at by every write that could break a stack.
    let stacked: SortedList<ProfileEntry>
    /// Where it comes from; nil for the tenant's own.
    package let mount: RegistryMount?
    private let pages = [AtomicLazyBytes(), AtomicLazyBytes()]

    var key: String { registry.slug.rawValue }

    init(
        _ registry: Registry, state: State = .ok, revision: UInt64, epoch: UInt64, updatedAtMs: Int64, stored: [UInt8],
        entries: SortedList<ProfileEntry>, stacked: SortedList<ProfileEntry>, mount: RegistryMount? = nil
    ) {
        self.registry = registry
        self.state = state
        self.revision = revision
        self.epoch = epoch
        self.updatedAtMs = updatedAtMs
        self.stored = stored
        self.entries = entries
        self.stacked = stacked
        self.mount = mount
    }

    package var slug: RegistrySlug { registry.slug }
    package var count: Int { entries.count }

    /// The strong entity tag of the registry and of its list of profiles; another one when there is other word about the
    /// registry's source.
    package var etag: String { EntityTag.text(revision: revision, epoch: epoch ^ (mount?.problem?.fingerprint ?? 0)) }

    /// Throws `damaged` when the registry cannot be trusted.
    package func check() throws(RegistryError) {
        if case .damaged(let damage) = state { throw .damaged(damage) }
    }

    package func profile(_ slug: ProfileSlug) -> ProfileEntry? { entries[slug.rawValue] }

    /// The profile that answers when none is named: the registry's default, else one called `default`.
    package var defaultProfile: ProfileEntry? {
        profile(registry.defaultProfileSlug ?? .default)
    }

    /// The profiles' slugs in byte order.
    package var slugs: [ProfileSlug] { entries.map(\.slug) }

    /// All profiles in slug order.
    package var profiles: [ProfileEntry] { Array(entries) }

    /// Up to `limit` profiles in slug order, beginning behind `after`, which need not exist.
    package func page(after slug: ProfileSlug? = nil, limit: Int) -> [ProfileEntry] {
        entries.page(after: slug?.rawValue, limit: limit)
    }

    /// Which rendering of the first page is kept.
    package enum CachedPage: Int, Sendable {
        /// With prompts and extensions.
        case full = 0
        /// For roles that may not see them.
        case withoutPrompts = 1
    }

    /// The bytes of a page; from the second time on they are kept for as long as the snapshot lives.
    ///
    /// A page weighs about half of the entries it shows: one that is asked for once, as by a tool that goes through all
    /// tenants, is not worth that.
    package func cachedPage(_ kind: CachedPage, make: () throws -> [UInt8]) rethrows -> [UInt8] {
        let slot = pages[kind.rawValue]
        if let known = slot.value { return known }
        return slot.keep(try make())
    }

    /// About what the registry occupies in memory, in bytes.
    var weight: Int { 512 + stored.count + entries.weight }
}

/// Bytes that are kept from the second time on that they are made; two threads may make them at once, one result is kept.
private final class AtomicLazyBytes: Sendable {
    private final class Bytes: Sendable {
        let value: [UInt8]

        init(_ value: [UInt8]) {
            self.value = value
        }
    }

    private let stored = AtomicLazyReference<Bytes>()
    private let wasMade = Atomic(false)

    var value: [UInt8]? { stored.load()?.value }

    func keep(_ bytes: [UInt8]) -> [UInt8] {
        guard wasMade.exchange(true, ordering: .relaxed) else { return bytes }
        return stored.storeIfNil(Bytes(bytes)).value
    }
}
