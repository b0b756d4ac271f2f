package import Profiles

extension RegistrySnapshot {
    /// A profile as resolution sees it.
    ///
    /// A damaged registry counts as missing, so that a stack into it is refused with the reference's path. Every entry
    /// was decoded when it was loaded; one that no longer decodes counts as missing too.
    func resolvable(_ slug: ProfileSlug) -> Profile? {
        state == .ok ? try? profile(slug)?.profile() : nil
    }
}

extension TenantContent {
    /// The tenant's own profiles that are layered on others.
    var stackedProfiles: [ProfileID] {
        registries.flatMap { registry in
            registry.stacked.map { ProfileID(registry: registry.slug, profile: $0.slug) }
        }
    }
}

extension Snapshot: ProfileLookup {
    package func hasRegistry(_ slug: RegistrySlug) -> Bool { registry(slug)?.state == .ok }

    package func profile(_ id: ProfileID) -> Profile? {
        registry(id.registry)?.resolvable(id.profile)
    }

    package var stackedProfiles: [ProfileID] { content.stackedProfiles }
}
