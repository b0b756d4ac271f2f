package import Profiles

extension RegistryTransaction {
    /// Creates an empty registry. Throws `versionConflict` when it exists.
    package mutating func createRegistry(
        _ body: CreateRegistryBody, if precondition: Precondition = .none
    ) throws(RegistryError) -> RegistrySnapshot {
        let slug = body.slug.rawValue
        if let existing = registry(body.slug) {
            try precondition.check(.registry(existing))
            throw .versionConflict(
                .registry, slug, expected: precondition.expectedVersion ?? 0,
                actual: existing.registry.metadata.version)
        }
        try refuseMounted(body.slug)
        try precondition.check(Precondition.Subject(resource: .registry, slug: slug, version: 0, state: nil))
        var registry = body.makeRegistry(stamp(after: nil))
        registry.metadata.version = try lastVersion(registry.slug, "") + 1
        try put(registry, action: .create)
        return try usableRegistry(body.slug)
    }

    /// Changes a registry's own fields; a patch that changes nothing keeps version and revision.
    package mutating func patchRegistry(
        _ slug: RegistrySlug, _ body: PatchRegistryBody, if precondition: Precondition = .none
    ) throws(RegistryError) -> RegistrySnapshot {
        let found = try usableRegistry(slug)
        try precondition.adding(body.expectedVersion, .registry, slug.rawValue).check(.registry(found))
        let stamp = stamp(after: found)
        let patched = try validated { () throws(ValidationError) in try body.apply(to: found.registry, stamp) }
        guard patched.metadata.version != found.registry.metadata.version else { return found }
        try put(patched, action: .update)
        return try usableRegistry(slug)
    }

    /// Deletes a registry; with `force` its profiles too, read-only ones only if the context overrides that.
    ///
    /// Throws `registryProtected` for `default`, `registryNotEmpty`, `inUse` when profiles elsewhere are layered on
    /// its profiles, `registryNotFound`, `versionConflict`, `preconditionFailed`, `policy`.
    package mutating func deleteRegistry(
        _ slug: RegistrySlug, force: Bool, if precondition: Precondition = .none
    ) throws(RegistryError) {
        guard slug != .default else { throw .registryProtected(slug.rawValue) }
        let found = try usableRegistry(slug)
        try precondition.check(.registry(found))
        guard found.entries.isEmpty || force else { throw .registryNotEmpty(slug.rawValue, profiles: found.count) }
        try refuseInUse(Set(found.entries.map { ProfileID(registry: slug, profile: $0.slug) }))
        for entry in found.entries {
            if try entry.decode().policy.readOnly && !context.overridesReadOnly {
                throw .policy(profile: entry.key, reason: "profile is read-only")
            }
            try remove(entry, action: .delete)
        }
        try remove(found, action: .delete)
    }
}
