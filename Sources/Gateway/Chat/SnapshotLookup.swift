internal import Profiles
internal import Tenants

/// A tenant's snapshot as resolution sees it.
///
/// A damaged registry counts as missing, so that a stack into it is refused with the reference's path.
struct SnapshotLookup: ProfileLookup {
    let snapshot: Snapshot

    func hasRegistry(_ slug: RegistrySlug) -> Bool { snapshot.registry(slug)?.state == .ok }

    func profile(_ id: ProfileID) -> Profile? {
        guard let entry = snapshot.registry(id.registry)?.profile(id.profile) else { return nil }
        return try? entry.profile()
    }

    var stackedProfiles: [ProfileID] {
        snapshot.registries.flatMap { registry in
            registry.profiles.filter { !$0.stack.isEmpty }.map { ProfileID(registry: registry.slug, profile: $0.slug) }
        }
    }
}
