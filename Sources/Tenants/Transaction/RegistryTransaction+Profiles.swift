package import Profiles

extension RegistryTransaction {
    /// Creates a profile; the first of an empty registry becomes its default (gateway.md §5).
    ///
    /// Throws `registryNotFound`, `versionConflict` when it exists, `validation`.
    package mutating func createProfile(
        _ body: CreateProfileBody, in registry: RegistrySlug, if precondition: Precondition = .none
    ) throws(RegistryError) -> ProfileEntry {
        let found = try usableRegistry(registry)
        let slug = body.slug
        let guarded = try precondition.adding(body.expectedVersion, .profile, slug.rawValue)
        let existing = found.profile(slug)
        try guarded.check(.profile(slug, existing))
        if let existing {
            throw .versionConflict(
                .profile, slug.rawValue, expected: guarded.expectedVersion ?? 0, actual: existing.version)
        }
        let profile = try validated { () throws(ValidationError) in try body.makeProfile(stamp(after: found)) }
        return try insert(profile, in: found, becomesDefault: body.setDefault, action: .create)
    }

    /// Changes a profile; a patch that changes nothing keeps version and revision.
    ///
    /// Throws `profileNotFound`, `policy` when it is read-only, `versionConflict`, `preconditionFailed`, `validation`.
    package mutating func patchProfile(
        _ slug: ProfileSlug, in registry: RegistrySlug, _ body: PatchProfileBody, if precondition: Precondition = .none
    ) throws(RegistryError) -> ProfileEntry {
        let found = try usableRegistry(registry)
        guard let entry = found.profile(slug) else { throw .profileNotFound(slug.rawValue) }
        let profile = try entry.profile()
        try refuseReadOnly(profile)
        try precondition.adding(body.expectedVersion, .profile, slug.rawValue).check(.profile(slug, entry))
        let stamp = stamp(after: found)
        let patched = try validated { () throws(ValidationError) in try body.apply(to: profile, stamp) }
        return try write(patched, over: entry, in: found, becomesDefault: body.setDefault, action: .update)
    }

    /// Replaces a profile, or creates it.
    ///
    /// Throws as `patchProfile` does, except that a missing profile is created.
    package mutating func replaceProfile(
        _ slug: ProfileSlug, in registry: RegistrySlug, _ body: PutProfileBody, if precondition: Precondition = .none
    ) throws(RegistryError) -> (entry: ProfileEntry, isNew: Bool) {
        let found = try usableRegistry(registry)
        let entry = found.profile(slug)
        let profile = try entry?.profile()
        if let profile { try refuseReadOnly(profile) }
        try precondition.adding(body.expectedVersion, .profile, slug.rawValue).check(.profile(slug, entry))
        let stamp = stamp(after: found)
        let replaced = try validated { () throws(ValidationError) in
            try body.makeProfile(replacing: profile, stamp)
        }
        guard let entry else {
            return (try insert(replaced, in: found, becomesDefault: body.setDefault, action: .create), true)
        }
        let written = try write(replaced, over: entry, in: found, becomesDefault: body.setDefault, action: .replace)
        return (written, false)
    }

    /// Deletes a profile.
    ///
    /// Throws `defaultProfile` for the default one unless it is the only one or `newDefault` names another, `inUse`
    /// when others are layered on it, `profileNotFound`, `policy`, `versionConflict`, `preconditionFailed`.
    package mutating func deleteProfile(
        _ slug: ProfileSlug, in registry: RegistrySlug, newDefault: ProfileSlug? = nil,
        if precondition: Precondition = .none
    ) throws(RegistryError) {
        let found = try usableRegistry(registry)
        guard let entry = found.profile(slug) else { throw .profileNotFound(slug.rawValue) }
        try refuseReadOnly(try entry.profile())
        try precondition.check(.profile(slug, entry))
        if let newDefault {
            guard newDefault != slug, found.profile(newDefault) != nil else {
                throw .profileNotFound(newDefault.rawValue)
            }
        } else if entry.isDefault && found.count > 1 {
            throw .defaultProfile(slug.rawValue, registry: registry.rawValue)
        }
        try refuseInUse([ProfileID(registry: registry, profile: slug)])
        try remove(entry, action: .delete)
        if let newDefault {
            try makeDefault(newDefault, in: registry)
        } else {
            try touchRegistry(registry) { if $0.defaultProfileSlug == slug { $0.defaultProfileSlug = nil } }
        }
    }

    /// Makes a profile its registry's default; the version guarded is the registry's (origin 3.6).
    package mutating func setDefault(
        _ slug: ProfileSlug, in registry: RegistrySlug, if precondition: Precondition = .none
    ) throws(RegistryError) -> ProfileEntry {
        let found = try usableRegistry(registry)
        guard let entry = found.profile(slug) else { throw .profileNotFound(slug.rawValue) }
        try precondition.check(.registry(found))
        if entry.isDefault { return entry }
        try makeDefault(slug, in: registry)
        return try self.entry(slug, in: registry)
    }
}

extension RegistryTransaction {
    mutating func insert(
        _ profile: Profile, in registry: RegistrySnapshot, becomesDefault: Bool, action: ChangeAction
    ) throws(RegistryError) -> ProfileEntry {
        var profile = profile
        // A slug that existed before goes on counting where its history ends: no version ever names two states.
        profile.metadata.version = try lastVersion(registry.slug, profile.slug.rawValue) + 1
        try checkStacks(writing: profile, in: registry.slug)
        try put(profile, in: registry.slug, isDefault: false, action: action)
        if becomesDefault || registry.entries.isEmpty {
            try makeDefault(profile.slug, in: registry.slug)
        } else {
            try touchRegistry(registry.slug)
        }
        return try entry(profile.slug, in: registry.slug)
    }

    mutating func write(
        _ profile: Profile, over entry: ProfileEntry, in registry: RegistrySnapshot, becomesDefault: Bool,
        action: ChangeAction
    ) throws(RegistryError) -> ProfileEntry {
        let isChanged = profile.metadata.version != entry.version
        let changesDefault = becomesDefault && !entry.isDefault
        guard isChanged || changesDefault else { return entry }
        if isChanged {
            try checkStacks(writing: profile, in: registry.slug)
            try put(profile, in: registry.slug, isDefault: entry.isDefault, action: action)
        }
        if changesDefault {
            try makeDefault(profile.slug, in: registry.slug)
        } else {
            try touchRegistry(registry.slug)
        }
        return try self.entry(profile.slug, in: registry.slug)
    }

    /// Moves the default: the registry's document changes, and both profiles get a new revision.
    mutating func makeDefault(_ slug: ProfileSlug, in registry: RegistrySlug) throws(RegistryError) {
        let previous = try usableRegistry(registry).registry.defaultProfileSlug
        if let previous, previous != slug { try revise(previous, in: registry, isDefault: false) }
        try revise(slug, in: registry, isDefault: true)
        try touchRegistry(registry, action: .setDefault) { $0.defaultProfileSlug = slug }
    }

    /// What a change of a profile does to its registry: version, time and revision (origin 2.7).
    private mutating func touchRegistry(
        _ slug: RegistrySlug, action: ChangeAction? = nil, _ change: (inout Registry) -> Void = { _ in }
    ) throws(RegistryError) {
        let found = try usableRegistry(slug)
        var registry = found.registry
        let defaultBefore = registry.defaultProfileSlug
        change(&registry)
        registry.metadata.touch(stamp(after: found))
        try put(registry, action: action ?? (registry.defaultProfileSlug == defaultBefore ? nil : .update))
    }

    private func entry(_ slug: ProfileSlug, in registry: RegistrySlug) throws(RegistryError) -> ProfileEntry {
        guard let entry = self.registry(registry)?.profile(slug) else { throw .profileNotFound(slug.rawValue) }
        return entry
    }

    func refuseReadOnly(_ profile: Profile) throws(RegistryError) {
        guard profile.policy.readOnly, !context.overridesReadOnly else { return }
        throw .policy(profile: profile.slug.rawValue, reason: "profile is read-only")
    }

    /// Throws `inUse` when a profile outside `targets` is layered on one of them.
    func refuseInUse(_ targets: Set<ProfileID>) throws(RegistryError) {
        let users = StackTopology.users(of: targets, in: lookup).map(\.description)
        guard users.isEmpty else {
            throw .inUse(targets.map(\.profile.rawValue).sorted().joined(separator: ", "), by: users)
        }
    }

    /// Throws `validation` when a stack would no longer resolve: what is stored always does (gateway.md §7).
    private func checkStacks(writing profile: Profile, in registry: RegistrySlug) throws(RegistryError) {
        let lookup = lookup
        try validated { () throws(ValidationError) in
            try StackTopology.check(
                writing: profile, as: ProfileID(registry: registry, profile: profile.slug), in: lookup)
        }
    }

    func validated<Value>(_ body: () throws(ValidationError) -> Value) throws(RegistryError) -> Value {
        do { return try body() } catch { throw .validation(error) }
    }
}

extension Precondition.Subject {
    static func profile(_ slug: ProfileSlug, _ entry: ProfileEntry?) -> Precondition.Subject {
        Precondition.Subject(
            resource: .profile, slug: slug.rawValue, version: entry?.version ?? 0,
            state: entry.map { ($0.revision, $0.epoch) })
    }

    static func registry(_ registry: RegistrySnapshot) -> Precondition.Subject {
        Precondition.Subject(
            resource: .registry, slug: registry.key, version: registry.registry.metadata.version,
            state: (registry.revision, registry.epoch))
    }
}
