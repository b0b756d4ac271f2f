import JSON

/// Checks of stacks before a write, so that what is stored always resolves (origin D33, `gateway.md §7`).
package enum StackTopology {
    /// Checks a profile about to be written, and every profile layered on it that resolves now.
    ///
    /// One that is broken already, in a file edited by hand, keeps nobody from mending what is under it.
    ///
    /// - Parameter lookup: the tenant as it is before the write.
    /// - Throws: at `registry.profiles[<slug>].stack[i]` for missing targets, cycles and depth, or at the id of a
    ///   middleware that could not be merged.
    package static func check(
        writing profile: Profile, as id: ProfileID, in lookup: some ProfileLookup
    ) throws(ValidationError) {
        let after = ChangedLookup(lookup, id, becomes: profile)
        try check(id, profile, in: after)
        // Only these parts of a layer can break what is layered on it; looking at ten thousand users costs a write
        // more than all the rest of it.
        if let before = lookup.profile(id), before.stack == profile.stack,
            before.runtime.middlewares == profile.runtime.middlewares
        {
            return
        }
        for user in dependents(of: [id], in: after).sorted() {
            guard let profile = after.profile(user) else { continue }
            do throws(ValidationError) { try check(user, profile, in: after) } catch {
                guard resolves(user, profile, in: lookup) else { continue }
                throw error
            }
        }
    }

    /// What is wrong with the stacks after a change of many profiles: of those changed, and of every profile that
    /// reaches one of them and resolved before.
    package static func problems(
        after: some ProfileLookup, before: some ProfileLookup, changed: Set<ProfileID>
    ) -> [(id: ProfileID, error: ValidationError)] {
        var problems: [(id: ProfileID, error: ValidationError)] = []
        for id in dependents(of: changed, in: after).union(changed).sorted() {
            guard let profile = after.profile(id) else { continue }
            do throws(ValidationError) { try check(id, profile, in: after) } catch {
                if !changed.contains(id), let known = before.profile(id), !resolves(id, known, in: before) { continue }
                problems.append((id, error))
            }
        }
        return problems
    }

    private static func resolves(_ id: ProfileID, _ profile: Profile, in lookup: some ProfileLookup) -> Bool {
        do throws(ValidationError) {
            try check(id, profile, in: lookup)
            return true
        } catch { return false }
    }

    /// The profiles whose own stack names one of these; who may not lose it (`gateway.md §5`, DELETE). Sorted.
    package static func users(of targets: Set<ProfileID>, in lookup: some ProfileLookup) -> [ProfileID] {
        lookup.stackedProfiles.filter { id in
            guard !targets.contains(id), let profile = lookup.profile(id) else { return false }
            return references(of: profile, id).contains { targets.contains($0) }
        }.sorted()
    }

    private static func check(
        _ id: ProfileID, _ profile: Profile, in lookup: some ProfileLookup
    ) throws(ValidationError) {
        guard !profile.stack.isEmpty else { return }
        var merge = LayerMerge(base: [:], explains: false)
        for layer in try StackExpansion(of: id, profile, in: lookup).layers { try merge.add(layer) }
    }

    /// Every other profile that reaches one of the targets through its stack, at any distance.
    private static func dependents(of targets: Set<ProfileID>, in lookup: some ProfileLookup) -> Set<ProfileID> {
        var usersByTarget: [ProfileID: [ProfileID]] = [:]
        for id in lookup.stackedProfiles {
            guard let profile = lookup.profile(id) else { continue }
            for reference in references(of: profile, id) { usersByTarget[reference, default: []].append(id) }
        }
        var found: Set<ProfileID> = []
        var pending = Array(targets)
        while let next = pending.popLast() {
            for user in usersByTarget[next] ?? [] where !targets.contains(user) && found.insert(user).inserted {
                pending.append(user)
            }
        }
        return found
    }

    private static func references(of profile: Profile, _ id: ProfileID) -> [ProfileID] {
        profile.stack.map { ProfileID(registry: $0.registry ?? id.registry, profile: $0.profile) }
    }
}
