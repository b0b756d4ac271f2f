import JSON
import Profiles

/// What an import will change, worked out against one state of the tenant, with everything that is wrong with it.
///
/// Reads nothing but that state: the same plan is made for a dry run from a snapshot and for the real one inside the
/// transaction that will carry it out.
struct ImportPlan {
    struct ProfilePlan {
        let slug: ProfileSlug
        let outcome: ImportResult.Outcome
        /// As it will be stored, but for version and times; nil where it is removed.
        let profile: Profile?
        let entry: ProfileEntry?
    }

    struct RegistryPlan {
        /// As it will be stored, but for version and times.
        var registry: Registry
        /// What is there; nil for a registry that will be made.
        let found: RegistrySnapshot?
        /// In slug order.
        var profiles: [ProfilePlan]

        var changesProfiles: Bool { profiles.contains { $0.outcome != .unchanged } }
        var changesRegistry: Bool { found.map { !registry.hasSameContent(as: $0.registry) } ?? true }

        var outcome: ImportResult.Outcome {
            found == nil ? .created : changesProfiles || changesRegistry ? .updated : .unchanged
        }
    }

    private(set) var registries: [RegistryPlan] = []
    private(set) var problems: [ImportProblem] = []
    /// A document that is wrong all over is not worth more of the writer's time than this.
    private static let maximumProblems = 200
    private let request: ImportRequest
    private let lookup: TenantLookup
    private var content: TenantContent { lookup.content }
    private let overridesReadOnly: Bool

    /// Throws `registryNotFound` and `damaged`: what is not about the document.
    init(_ request: ImportRequest, on lookup: TenantLookup, overridesReadOnly: Bool) throws(RegistryError) {
        self.request = request
        self.lookup = lookup
        self.overridesReadOnly = overridesReadOnly
        for document in request.documents { try plan(document) }
        judgeStacks()
    }

    private mutating func plan(_ document: RegistryDocument) throws(RegistryError) {
        let slug = document.registry.slug
        let found = content.registries[slug.rawValue]
        try found?.check()
        if found == nil, let mount = lookup.mounted.registries[slug.rawValue]?.mount {
            throw .readOnlySource(registry: slug.rawValue, source: mount.label)
        }
        guard found != nil || request.createsRegistries else { throw .registryNotFound(slug.rawValue) }
        if found == nil {
            do throws(ValidationError) { try slug.checkAddressable() } catch {
                note(ImportProblem(registry: slug, error))
            }
        }
        var profiles: [ProfilePlan] = []
        for profile in document.profiles {
            if let planned = try plan(profile, over: found?.profile(profile.slug), in: slug) {
                profiles.append(planned)
            }
        }
        if request.mode == .replace, let found {
            let kept = Set(document.profiles.map(\.slug)).union(request.unreadable[slug] ?? [])
            for entry in found.entries where !kept.contains(entry.slug) {
                if try isProtected(entry) { refuseReadOnly(entry, "cannot be removed") }
                profiles.append(ProfilePlan(slug: entry.slug, outcome: .removed, profile: nil, entry: entry))
            }
        }
        profiles.sort { $0.slug < $1.slug }
        var planned = RegistryPlan(registry: Registry(slug: slug), found: found, profiles: profiles)
        planned.registry = merged(document.registry, into: found?.registry)
        chooseDefault(&planned, given: document.registry.defaultProfileSlug)
        registries.append(planned)
    }

    private mutating func plan(
        _ profile: Profile, over entry: ProfileEntry?, in registry: RegistrySlug
    ) throws(RegistryError) -> ProfilePlan? {
        let stored = try entry?.decode()
        var candidate = profile
        // All but the tags belongs to the server: a document brings content, not a history.
        candidate.metadata = stored?.metadata ?? ProfileMetadata()
        candidate.metadata.tags = profile.metadata.tags
        if let stored, candidate.policy.document(always: true) == stored.policy.document(always: true) {
            candidate.policy = stored.policy
        }
        let rules = request.rules
        let slug = profile.slug
        let wanted = min(ProblemPeeler.maximumProblems, Self.maximumProblems - problems.count)
        let (admitted, wrong) = ProblemPeeler.decode(candidate.storedDocument(), prefix: "profile.", limit: wanted) {
            document throws(ValidationError) in
            try rules.admit(try Profile(document: document, slug: slug), replacing: stored)
        }
        let path = "registry.profiles[\(slug)]"
        for error in wrong { note(ImportProblem(registry: registry, error.inside(path))) }
        guard let admitted else { return nil }
        guard let stored, let entry else {
            return ProfilePlan(slug: slug, outcome: .created, profile: admitted, entry: nil)
        }
        if admitted.storedDocument() == stored.storedDocument() {
            return ProfilePlan(slug: slug, outcome: .unchanged, profile: stored, entry: entry)
        }
        if try isProtected(entry) { refuseReadOnly(entry, "is read-only") }
        return ProfilePlan(slug: slug, outcome: .updated, profile: admitted, entry: entry)
    }

    private mutating func note(_ problem: ImportProblem) {
        switch problems.count {
        case ..<Self.maximumProblems: problems.append(problem)
        case Self.maximumProblems: problems.append(.more(in: problem.registry))
        default: break
        }
    }

    private func isProtected(_ entry: ProfileEntry) throws(RegistryError) -> Bool {
        if overridesReadOnly { return false }
        return try entry.decode().policy.readOnly
    }

    private mutating func refuseReadOnly(_ entry: ProfileEntry, _ what: String) {
        let reason = what == "is read-only" ? "profile is read-only" : "profile is read-only and \(what)"
        note(
            ImportProblem(
                registry: entry.registry, path: "registry.profiles[\(entry.slug)]",
                error: .policy(profile: entry.key, reason: reason)))
    }

    /// In a merge, what the document leaves out stays.
    private func merged(_ given: Registry, into stored: Registry?) -> Registry {
        var result = stored ?? Registry(slug: given.slug)
        let isReplaced = request.mode == .replace || stored == nil
        if isReplaced || !given.displayName.isEmpty { result.displayName = given.displayName }
        if isReplaced || !given.description.isEmpty { result.description = given.description }
        if isReplaced || !given.metadata.tags.isEmpty { result.metadata.tags = given.metadata.tags }
        return result
    }

    /// The document's default, else the present one, else the one that follows from the profiles (origin 6.1).
    private mutating func chooseDefault(_ plan: inout RegistryPlan, given: ProfileSlug?) {
        let planned = plan.profiles
        let found = plan.found
        let outcomes = Dictionary(planned.map { ($0.slug, $0.outcome) }) { first, _ in first }
        let unreadable = request.unreadable[plan.registry.slug] ?? []
        func isThere(_ slug: ProfileSlug) -> Bool {
            if let outcome = outcomes[slug] { return outcome != .removed }
            return found?.profile(slug) != nil || unreadable.contains(slug)
        }
        if let given {
            plan.registry.defaultProfileSlug = given
            guard !isThere(given) else { return }
            note(
                ImportProblem(
                    registry: plan.registry.slug,
                    ValidationError(
                        field: "registry.default_profile_slug", reason: "default profile does not exist in registry")))
            return
        }
        if let present = plan.registry.defaultProfileSlug, isThere(present) { return }
        let candidates = planned.filter { $0.outcome != .removed }.map(\.slug) + (found?.slugs ?? []).filter(isThere)
        plan.registry.defaultProfileSlug = candidates.contains(.default) ? .default : candidates.min()
    }

    private mutating func judgeStacks() {
        var changed: Set<ProfileID> = []
        for plan in registries {
            for change in plan.profiles where change.outcome != .unchanged {
                changed.insert(ProfileID(registry: plan.registry.slug, profile: change.slug))
            }
        }
        let after = PlannedLookup(base: lookup, registries)
        for (id, error) in StackTopology.problems(after: after, before: lookup, changed: changed) {
            note(ImportProblem(registry: id.registry, error))
        }
    }
}

extension Registry {
    /// Whether both say the same, but for what the server keeps about them.
    fileprivate func hasSameContent(as other: Registry) -> Bool {
        var copy = self
        copy.metadata = other.metadata
        copy.metadata.tags = metadata.tags
        return copy.storedDocument() == other.storedDocument()
    }
}

/// The tenant as it will be after an import.
private struct PlannedLookup: ProfileLookup {
    private let base: TenantLookup
    private let changes: [ProfileID: Profile?]
    private let registries: Set<RegistrySlug>

    init(base: TenantLookup, _ plans: [ImportPlan.RegistryPlan]) {
        self.base = base
        var changes: [ProfileID: Profile?] = [:]
        for plan in plans {
            for change in plan.profiles where change.outcome != .unchanged {
                let id = ProfileID(registry: plan.registry.slug, profile: change.slug)
                changes.updateValue(change.profile, forKey: id)
            }
        }
        self.changes = changes
        registries = Set(plans.map(\.registry.slug))
    }

    func hasRegistry(_ slug: RegistrySlug) -> Bool { registries.contains(slug) || base.hasRegistry(slug) }

    func profile(_ id: ProfileID) -> Profile? {
        if let change = changes[id] { return change }
        return base.profile(id)
    }

    var stackedProfiles: [ProfileID] {
        base.stackedProfiles.filter { changes[$0] == nil }
            + changes.compactMap { $0.value?.stack.isEmpty == false ? $0.key : nil }
    }
}
