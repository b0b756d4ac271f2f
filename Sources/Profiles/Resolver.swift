package import JSON

/// Turns a profile into the effective runtime of a chat: operator's base, stack, profile, request (`gateway.md §7`).
///
/// Pure: the same lookup and overrides always give the same bytes.
package struct Resolver: Sendable {
    private let baseSettings: JSONObject
    private let selectUpstream: @Sendable (EffectiveRuntime) -> String

    /// - Parameters:
    ///   - baseSettings: the operator's step settings under every profile, section → field → value.
    ///   - selectUpstream: names the upstream that serves a runtime (`gateway.md §2`).
    package init(
        baseSettings: JSONObject = [:], selectUpstream: @escaping @Sendable (EffectiveRuntime) -> String
    ) {
        self.baseSettings = baseSettings
        self.selectUpstream = selectUpstream
    }

    /// - Parameters:
    ///   - explains: whether the answer carries a trace.
    /// - Throws: ``ResolutionError``; a broken stack (only possible in a file edited by hand) is a validation error at
    ///   `registry.profiles[<slug>].stack[i]`.
    package func resolve(
        _ id: ProfileID, in lookup: some ProfileLookup, explains: Bool = false
    ) throws(ResolutionError) -> ResolvedProfile {
        guard lookup.hasRegistry(id.registry) else { throw .registryNotFound(id.registry) }
        guard let profile = lookup.profile(id) else { throw .profileNotFound(id) }
        return try resolve(id, profile, in: lookup, explains: explains)
    }

    /// Resolves a document that need not be the current one, as for `slug@version`; layers under it are live.
    package func resolve(
        _ id: ProfileID, _ profile: Profile, in lookup: some ProfileLookup, explains: Bool = false
    ) throws(ResolutionError) -> ResolvedProfile {
        do throws(ValidationError) {
            let layers = try StackExpansion(of: id, profile, in: lookup).layers
            var merge = LayerMerge(base: baseSettings, explains: explains)
            for layer in layers { try merge.add(layer) }
            return ResolvedProfile(
                id: id, lineage: layers.map { LineageEntry(id: $0.id, version: $0.profile.metadata.version) },
                effective: merge.effective, upstream: selectUpstream(merge.effective),
                trace: merge.trace?.trace(of: merge.effective))
        } catch { throw .validation(error) }
    }
}
