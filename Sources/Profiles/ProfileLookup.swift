/// What resolution needs to see of a tenant: one immutable state of all its registries.
package protocol ProfileLookup {
    func hasRegistry(_ slug: RegistrySlug) -> Bool
    func profile(_ id: ProfileID) -> Profile?
    /// Every profile of the tenant whose stack is not empty, in any order.
    var stackedProfiles: [ProfileID] { get }
}

/// A tenant's profiles as they will be after a write, for checks before it.
package struct ChangedLookup<Base: ProfileLookup>: ProfileLookup {
    private let base: Base
    private let id: ProfileID
    private let changed: Profile?

    /// - Parameter profile: the new content; nil when the profile is about to be deleted.
    package init(_ base: Base, _ id: ProfileID, becomes profile: Profile?) {
        self.base = base
        self.id = id
        changed = profile
    }

    package func hasRegistry(_ slug: RegistrySlug) -> Bool { slug == id.registry || base.hasRegistry(slug) }

    package func profile(_ id: ProfileID) -> Profile? { id == self.id ? changed : base.profile(id) }

    package var stackedProfiles: [ProfileID] {
        let others = base.stackedProfiles.filter { $0 != id }
        return changed?.stack.isEmpty == false ? others + [id] : others
    }
}
