package import Profiles

extension RegistryTransaction {
    /// Writes whole registries: all of the request or nothing.
    ///
    /// Throws `importRefused` with every problem, `registryNotFound` where registries may not be created,
    /// `versionConflict` and `preconditionFailed` for the first registry's precondition.
    package mutating func importRegistries(
        _ request: ImportRequest, if precondition: Precondition = .none
    ) throws(RegistryError) -> ImportResult {
        try precondition.check(request, on: content)
        let plan = try ImportPlan(request, on: lookup, overridesReadOnly: context.overridesReadOnly)
        guard plan.problems.isEmpty else { throw .importRefused(plan.problems) }
        var results: [ImportResult.Registry] = []
        for registry in plan.registries { results.append(try apply(registry)) }
        return ImportResult(registries: results)
    }

    private mutating func apply(_ plan: ImportPlan.RegistryPlan) throws(RegistryError) -> ImportResult.Registry {
        let slug = plan.registry.slug
        guard plan.outcome != .unchanged else { return plan.result(versions: [:], version: nil) }
        let stamp = stamp(after: plan.found)
        if plan.found == nil {
            // Profiles need a registry to be in; its own document follows below.
            try put(Registry(slug: slug), action: nil)
        }
        var versions: [ProfileSlug: UInt64] = [:]
        for change in plan.profiles {
            switch change.outcome {
            case .unchanged: continue
            case .removed: if let entry = change.entry { try remove(entry, action: .delete) }
            case .created, .updated:
                guard var profile = change.profile else { continue }
                profile.metadata.touch(stamp)
                let last = try lastVersion(slug, profile.slug.rawValue, atLeast: change.entry?.version ?? 0)
                profile.metadata.version = last + 1
                let isDefault = profile.slug == plan.registry.defaultProfileSlug
                try put(profile, in: slug, isDefault: isDefault, action: .importDocument)
                versions[profile.slug] = profile.metadata.version
            }
        }
        let version = try finish(plan, stamp)
        return plan.result(versions: versions, version: version)
    }

    /// The registry's own document, and the mark of the default on profiles the document left alone.
    private mutating func finish(
        _ plan: ImportPlan.RegistryPlan, _ stamp: ChangeStamp
    ) throws(RegistryError) -> UInt64 {
        var registry = plan.registry
        let before = plan.found?.registry.defaultProfileSlug
        if before != registry.defaultProfileSlug {
            for case let slug? in [before, registry.defaultProfileSlug] {
                guard let entry = self.registry(registry.slug)?.profile(slug) else { continue }
                let isDefault = slug == registry.defaultProfileSlug
                if entry.isDefault != isDefault { try revise(slug, in: registry.slug, isDefault: isDefault) }
            }
        }
        registry.metadata.touch(stamp)
        if plan.found == nil { registry.metadata.version = try lastVersion(registry.slug, "") + 1 }
        try put(registry, action: plan.changesRegistry ? .importDocument : nil)
        return registry.metadata.version
    }
}

extension ImportPlan.RegistryPlan {
    /// The report, with the versions that were given; those of what was left alone are the present ones.
    func result(versions: [ProfileSlug: UInt64], version: UInt64?) -> ImportResult.Registry {
        ImportResult.Registry(
            slug: registry.slug, outcome: outcome, version: version ?? found?.registry.metadata.version,
            defaultProfile: registry.defaultProfileSlug,
            profiles: profiles.map { change in
                ImportResult.Profile(
                    slug: change.slug, outcome: change.outcome, version: versions[change.slug] ?? change.entry?.version)
            })
    }
}

extension Precondition {
    /// Against the first registry that is to be written.
    fileprivate func check(_ request: ImportRequest, on content: TenantContent) throws(RegistryError) {
        guard isGuarded, let slug = request.documents.first?.registry.slug else { return }
        let missing = Subject(resource: .registry, slug: slug.rawValue, version: 0, state: nil)
        try check(content.registries[slug.rawValue].map { .registry($0) } ?? missing)
    }
}

extension Snapshot {
    /// What an import would do to this state, without doing it.
    ///
    /// Throws as `importRegistries` does.
    package func trying(
        _ request: ImportRequest, overridesReadOnly: Bool, if precondition: Precondition = .none
    ) throws(RegistryError) -> ImportResult {
        try precondition.check(request, on: content)
        let plan = try ImportPlan(
            request, on: TenantLookup(content: content, mounted: mounted), overridesReadOnly: overridesReadOnly)
        guard plan.problems.isEmpty else { throw .importRefused(plan.problems) }
        return ImportResult(registries: plan.registries.map { $0.result(versions: [:], version: nil) })
    }
}

extension RegistrySnapshot {
    /// The whole registry as one document. Decodes every profile: not for threads that serve connections.
    package func wholeDocument() throws(RegistryError) -> RegistryDocument {
        var profiles: [Profile] = []
        profiles.reserveCapacity(count)
        for entry in entries { profiles.append(try entry.decode()) }
        return RegistryDocument(registry: registry, profiles: profiles)
    }
}
