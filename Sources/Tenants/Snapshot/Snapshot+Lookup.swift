package import Profiles

/// A tenant as resolution sees it.
///
/// A damaged registry counts as missing, so that a stack into it is refused with the reference's path. Every entry was
/// decoded when it was loaded; one that no longer decodes counts as missing too.
extension TenantContent: ProfileLookup {
    func hasRegistry(_ slug: RegistrySlug) -> Bool { registries[slug.rawValue]?.state == .ok }

    func profile(_ id: ProfileID) -> Profile? {
        guard let registry = registries[id.registry.rawValue], registry.state == .ok else { return nil }
        return try? registry.profile(id.profile)?.profile()
    }

    var stackedProfiles: [ProfileID] {
        registries.flatMap { registry in
            registry.stacked.map { ProfileID(registry: registry.slug, profile: $0) }
        }
    }
}

extension Snapshot: ProfileLookup {
    package func hasRegistry(_ slug: RegistrySlug) -> Bool { registry(slug)?.state == .ok }

    package func profile(_ id: ProfileID) -> Profile? {
        guard let registry = registry(id.registry), registry.state == .ok else { return nil }
        return try? registry.profile(id.profile)?.profile()
    }

    package var stackedProfiles: [ProfileID] { content.stackedProfiles }
}
