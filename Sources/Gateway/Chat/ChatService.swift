internal import HTTPServer
internal import JSON
internal import Logging
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

/// Selects and resolves: from a chat request to the plan by which it is answered (`gateway.md §7`).
final class ChatService: Sendable {
    private let services: Services
    private let catalogue: ToolCatalogue
    private let resolver: Resolver
    private let memo = ResolutionMemo<ChatPlan>()
    private let versions = VersionCache()

    /// Requests that say more than this about themselves, in bytes, are not remembered.
    private static let maximumRememberedRequest = 4096

    init(_ services: Services) {
        self.services = services
        catalogue = ToolCatalogue(services.configuration.tools)
        let upstreams = services.upstreams
        resolver = Resolver(
            baseSettings: services.configuration.stepSettings, middlewares: services.middlewares.catalog
        ) { runtime in
            upstreams.nameOfChoice(runtime.stepSettings)
        }
    }

    /// The plan for a chat.
    ///
    /// - Throws: `Problem`, `RegistryError` or `ResolutionError`: the selection names nothing, the policy refuses, the
    ///   stack is broken.
    func plan(_ input: ChatInput, for context: RequestContext) async throws -> ChatPlan {
        let (selected, snapshot) = try await select(input, for: context)
        var plan = try plan(selected.entry, input.requested, snapshot, context)
        let sampling = try judge(input.sampling, by: plan, input.requested)
        if sampling.mapped != input.requested {
            plan = try self.plan(selected.entry, sampling.mapped, snapshot, context)
        }
        plan.expiresCookie = selected.expiresCookie
        plan.ignored = sampling.ignored
        plan.superseded = sampling.superseded
        return plan
    }

    /// The same resolution with its trace, made anew: an explanation is asked for rarely.
    func explain(_ input: ChatInput, for context: RequestContext) async throws -> (
        plan: ChatPlan, resolved: ResolvedProfile
    ) {
        let plan = try await plan(input, for: context)
        let (selected, snapshot) = try await select(input, for: context)
        let mapped = try judge(input.sampling, by: plan, input.requested).mapped
        let resolved = try resolver.resolve(
            ProfileID(registry: selected.entry.registry, profile: selected.entry.slug), try selected.entry.profile(),
            mapped,
            in: snapshot, explains: true)
        return (plan, resolved)
    }

    private func select(_ input: ChatInput, for context: RequestContext) async throws -> (Selection.Selected, Snapshot)
    {
        let snapshot = try await context.snapshot()
        var selected = try Selection(sources: input.sources, for: context).resolve(in: snapshot)
        if let version = input.sources.version, version != selected.entry.version {
            selected.pin = Selection.Pin(
                version: version, name: "\(selected.entry.registry)/\(selected.entry.slug)@\(version)", param: "version"
            )
        }
        if let pin = selected.pin {
            selected.entry = try await versions.entry(pin, of: selected.entry, in: try await context.tenant())
        }
        return (selected, snapshot)
    }

    /// The client's sampling members as overrides of step settings: so they obey the policy, decide about the
    /// fingerprint and show in the trace like any other.
    ///
    /// An explicit override of the same setting was meant more: it stands, and the member is `superseded`.
    ///
    /// - Throws: `Problem` 403 for a refused member, unless the policy says `on_denied: ignore`.
    private func judge(
        _ sampling: [(name: String, value: JSONValue)], by plan: ChatPlan, _ requested: RequestedRuntime
    ) throws(Problem) -> (mapped: RequestedRuntime, ignored: [String], superseded: [String]) {
        guard !sampling.isEmpty else { return (requested, [], []) }
        let runtime = plan.resolved.effective
        var (ignored, superseded): ([String], [String]) = ([], [])
        var mapped = requested
        let explicit = requested.overriddenSettings
        var added: JSONObject = [:]
        for (name, value) in sampling where !value.isNull {
            if let reason = runtime.refusal(ofClientField: name, value) {
                guard runtime.policy.onDenied == .ignore else {
                    throw Problem.forbidden(
                        "policy violation for profile \(plan.entry.slug.rawValue.debugDescription): \(reason)",
                        code: "policy_violation", param: name)
                }
                ignored.append(name)
                continue
            }
            guard let setting = ClientField.setting(for: name) else { continue }
            if !explicit.isDisjoint(with: StepSettings.aliases(of: setting.key)) {
                superseded.append(name)
                continue
            }
            guard setting.normalised(value) != nil else { continue }
            var section = added[setting.section]?.objectValue ?? [:]
            section[setting.field] = value
            added[setting.section] = .object(section)
        }
        mapped.overrideSettings(with: added)
        return (mapped, ignored, superseded)
    }

    private func plan(
        _ entry: ProfileEntry, _ requested: RequestedRuntime, _ snapshot: Snapshot, _ context: RequestContext
    ) throws -> ChatPlan {
        let tenant = context.tenantSlug
        if let known = memo.plan(entry, requested, tenant: tenant, in: snapshot) { return known }
        let plan = try make(entry, requested, snapshot, context)
        let size = requested.size
        guard size <= Self.maximumRememberedRequest else { return plan }
        memo.remember(
            plan, entry, requested, tenant: tenant,
            layers: plan.resolved.lineage.compactMap { layer in
                let current = snapshot.registry(layer.id.registry)?.profile(layer.id.profile)
                // An earlier version of the profile itself never changes; what it is layered on is live.
                return layer.id == plan.resolved.id && current !== entry ? nil : current
            },
            // A prompt is there as text and as a message; clients may vary what they ask for as they like.
            weight: 4096 + size + 2 * plan.systemPrompt.utf8.count)
        return plan
    }

    private func make(
        _ entry: ProfileEntry, _ requested: RequestedRuntime, _ snapshot: Snapshot, _ context: RequestContext
    ) throws -> ChatPlan {
        let id = ProfileID(registry: entry.registry, profile: entry.slug)
        let resolved = try resolver.resolve(
            id, try entry.profile(), requested, in: snapshot)
        let settings = resolved.effective.stepSettings
        let destination = try services.upstreams.choose(settings)
        for warning in try OpenAISettings(settings).warnings {
            services.log.warning(
                "a stored setting is not used",
                metadata: context.metadata(["profile": "\(id)", "reason": "\(warning)"]))
        }
        let credentials = ProfileCredentials(
            settings, secrets: services.configuration.secrets, tenant: context.tenantSlug)
        return ChatPlan(
            entry: entry, resolved: resolved,
            upstream: try services.upstreams.chain(from: destination, settings, credentials),
            tools: ToolFilter(allowed: resolved.effective.tools, catalogue: catalogue),
            middlewares: try middlewares(of: resolved, requested))
    }

    /// - Throws: `ValidationError` for what the request's own list says; `Problem` 409 for what is stored so: a write
    ///   would have refused it, and whoever chats cannot mend it.
    private func middlewares(of resolved: ResolvedProfile, _ requested: RequestedRuntime) throws -> MiddlewareChain {
        let list = resolved.effective.middlewares
        // A request's list stands in the place of the whole one, so its positions are the request's.
        let key = OverrideKey.middlewares.rawValue
        if requested.overrides.keys.contains(where: { OverrideKey.canonicalised($0) == key }) {
            return try MiddlewareChain(list, from: services.middlewares, path: "request_overrides.\(key)")
        }
        do throws(ValidationError) { return try MiddlewareChain(list, from: services.middlewares) } catch {
            throw Problem(
                .conflict, code: "profile_invalid", "the profile as stored cannot be used: \(error)", param: error.field
            )
        }
    }
}

extension RequestedRuntime {
    /// About how many bytes the request says about itself.
    fileprivate var size: Int {
        overrides.isEmpty && variables.isEmpty
            ? 0 : JSONValue.object(overrides).encoded().count + JSONValue.object(variables).encoded().count
    }

    /// The settings that the overrides name themselves, as `section.field`.
    fileprivate var overriddenSettings: Set<String> {
        var keys: Set<String> = []
        for (section, fields) in overrides[settingsKey]?.objectValue ?? [:] {
            for (field, _) in fields.objectValue ?? [:] {
                keys.insert("\(section.trimmingBlanks).\(field.trimmingBlanks)")
            }
        }
        return keys
    }

    /// Adds settings that the overrides do not name.
    fileprivate mutating func overrideSettings(with added: JSONObject) {
        guard !added.isEmpty else { return }
        let key = settingsKey
        var patch = overrides[key]?.objectValue ?? [:]
        for (section, fields) in added {
            let spelled = patch.keys.first { $0.trimmingBlanks == section } ?? section
            var merged = patch[spelled]?.objectValue ?? [:]
            for (field, value) in fields.objectValue ?? [:] { merged[field] = value }
            patch[spelled] = .object(merged)
        }
        overrides[key] = .object(patch)
    }

    /// The key of the settings as this request spells it.
    private var settingsKey: String {
        overrides.keys.first { OverrideKey.canonicalised($0) == OverrideKey.stepSettingsPatch.rawValue }
            ?? OverrideKey.stepSettingsPatch.rawValue
    }
}
