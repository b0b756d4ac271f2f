package import JSON

/// Turns a profile into the effective runtime of a chat: operator's base, stack, profile, request (`gateway.md §7`).
///
/// Pure: the same lookup and overrides always give the same bytes.
package struct Resolver: Sendable {
    private let baseSettings: JSONObject
    private let middlewares: MiddlewareCatalog
    private let selectUpstream: @Sendable (EffectiveRuntime) -> String

    /// - Parameters:
    ///   - baseSettings: the operator's step settings under every profile, section → field → value.
    ///   - middlewares: those that overrides may name.
    ///   - selectUpstream: names the upstream that serves a runtime (`gateway.md §2`).
    package init(
        baseSettings: JSONObject = [:], middlewares: MiddlewareCatalog = .builtIn,
        selectUpstream: @escaping @Sendable (EffectiveRuntime) -> String
    ) {
        self.baseSettings = baseSettings
        self.middlewares = middlewares
        self.selectUpstream = selectUpstream
    }

    /// Resolves the current state of a profile.
    ///
    /// - Parameters:
    ///   - request: what the request itself asks for.
    ///   - explains: whether the answer carries a trace.
    /// - Throws: ``ResolutionError``; a broken stack (only possible in a file edited by hand) is a validation error at
    ///   `registry.profiles[<slug>].stack[i]`.
    package func resolve(
        _ id: ProfileID, _ request: RequestedRuntime = RequestedRuntime(), in lookup: some ProfileLookup,
        explains: Bool = false
    ) throws(ResolutionError) -> ResolvedProfile {
        guard lookup.hasRegistry(id.registry) else { throw .registryNotFound(id.registry) }
        guard let profile = lookup.profile(id) else { throw .profileNotFound(id) }
        return try resolve(id, profile, request, in: lookup, explains: explains)
    }

    /// Resolves a document that need not be the current one, as for `slug@version`; layers under it are live.
    package func resolve(
        _ id: ProfileID, _ profile: Profile, _ request: RequestedRuntime = RequestedRuntime(),
        in lookup: some ProfileLookup, explains: Bool = false
    ) throws(ResolutionError) -> ResolvedProfile {
        var merge = LayerMerge(base: baseSettings, explains: explains)
        let layers: [StackExpansion.Layer]
        do throws(ValidationError) {
            layers = try StackExpansion(of: id, profile, in: lookup).layers
            for layer in layers { try merge.add(layer) }
        } catch { throw .validation(error) }
        if !request.overrides.isEmpty {
            let overrides = try Overrides(
                request.overrides, policy: merge.effective.policy, profile: id.profile, middlewares: middlewares)
            do throws(ValidationError) { try merge.add(overrides) } catch { throw .validation(error) }
        }
        do throws(ValidationError) {
            try merge.fillPrompt(with: request.variables, path: request.variablesPath)
        } catch { throw .validation(error) }
        return ResolvedProfile(
            id: id, lineage: layers.map { LineageEntry(id: $0.id, version: $0.profile.metadata.version) },
            effective: merge.effective, upstream: selectUpstream(merge.effective),
            trace: merge.trace?.trace(of: merge.effective))
    }
}

/// What a request itself says about its runtime.
package struct RequestedRuntime: Sendable, Hashable {
    /// `overrides` of the body; empty asks for nothing and is always allowed.
    package var overrides: JSONObject
    /// Values for the placeholders of the system prompt.
    package var variables: JSONObject
    /// Where the variables stand in the request, for errors.
    package var variablesPath: String

    package init(overrides: JSONObject = [:], variables: JSONObject = [:], variablesPath: String = "variables") {
        self.overrides = overrides
        self.variables = variables
        self.variablesPath = variablesPath
    }
}
