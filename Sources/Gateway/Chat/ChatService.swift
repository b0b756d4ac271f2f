internal import HTTPClient
internal import JSON
internal import Middlewares
internal import Profiles
internal import Synchronization
internal import Tenants
internal import Upstreams

/// Selects and resolves: from a chat request to the plan by which it is answered (`gateway.md §7`).
final class ChatService: Sendable {
    private let services: Services
    private let catalogue: ToolCatalogue
    private let resolver: Resolver
    private let plans = Mutex<[PlanKey: Memo]>([:])

    private static let maximumPlans = 4096
    /// Requests that say more than this about themselves, in bytes, are not remembered.
    private static let maximumRememberedRequest = 4096

    /// A profile's state and what a request asks of it. A plan keeps its entry alive, so an identifier is never used
    /// twice while it is a key.
    private struct PlanKey: Hashable, Sendable {
        let tenant: TenantSlug?
        let entry: ObjectIdentifier
        let requested: RequestedRuntime
    }

    /// A plan and every state it was made of: valid as long as the tenant still has all of them.
    private struct Memo: Sendable {
        let plan: ChatPlan
        let layers: [ProfileEntry]

        func isCurrent(in snapshot: Snapshot) -> Bool {
            layers.allSatisfy { snapshot.registry($0.registry)?.profile($0.slug) === $0 }
        }
    }

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
        let (mapped, ignored) = try judge(input.sampling, by: plan, input.requested)
        if mapped != input.requested { plan = try self.plan(selected.entry, mapped, snapshot, context) }
        plan.expiresCookie = selected.expiresCookie
        plan.ignored = ignored
        return plan
    }

    /// The same resolution with its trace, made anew: an explanation is asked for rarely.
    func explain(_ input: ChatInput, for context: RequestContext) async throws -> (
        plan: ChatPlan, resolved: ResolvedProfile
    ) {
        let plan = try await plan(input, for: context)
        let (selected, snapshot) = try await select(input, for: context)
        let (mapped, _) = try judge(input.sampling, by: plan, input.requested)
        let resolved = try resolver.resolve(
            ProfileID(registry: selected.entry.registry, profile: selected.entry.slug), try selected.entry.profile(),
            mapped,
            in: snapshot, explains: true)
        return (plan, resolved)
    }

    private func select(_ input: ChatInput, for context: RequestContext) async throws -> (Selection.Selected, Snapshot)
    {
        let snapshot = try await context.snapshot()
        let tenant = context.tenantSlug.flatMap { services.configuration.tenant($0) }
        let selection = Selection(
            sources: input.sources, head: context.head, modelAliases: tenant?.modelAliases ?? [:],
            takesUnknownModels: tenant?.unknownModel == .default)
        return (try selection.resolve(in: snapshot, defaultRegistry: .default), snapshot)
    }

    /// The client's sampling members as overrides of step settings: so they obey the policy, decide about the
    /// fingerprint and show in the trace like any other.
    ///
    /// - Throws: `Problem` 403 for a refused member, unless the policy says `on_denied: ignore`.
    private func judge(
        _ sampling: [(name: String, value: JSONValue)], by plan: ChatPlan, _ requested: RequestedRuntime
    ) throws(Problem) -> (RequestedRuntime, ignored: [String]) {
        guard !sampling.isEmpty else { return (requested, []) }
        let runtime = plan.resolved.effective
        var ignored: [String] = []
        var mapped = requested
        var patch = requested.overrides["step_settings_patch"]?.objectValue ?? [:]
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
            guard let setting = ClientField.setting(for: name), setting.normalised(value) != nil else { continue }
            var section = patch[setting.section]?.objectValue ?? [:]
            // An explicit override of the same setting was meant more.
            if section[setting.field] == nil { section[setting.field] = value }
            patch[setting.section] = .object(section)
        }
        if !patch.isEmpty { mapped.overrides["step_settings_patch"] = .object(patch) }
        return (mapped, ignored)
    }

    private func plan(
        _ entry: ProfileEntry, _ requested: RequestedRuntime, _ snapshot: Snapshot, _ context: RequestContext
    ) throws -> ChatPlan {
        let key = PlanKey(tenant: context.tenantSlug, entry: ObjectIdentifier(entry), requested: requested)
        if let memo = plans.withLock({ $0[key] }), memo.isCurrent(in: snapshot) { return memo.plan }
        let memo = try make(entry, requested, snapshot, context)
        guard requested.size <= Self.maximumRememberedRequest else { return memo.plan }
        plans.withLock { plans in
            if plans.count >= Self.maximumPlans { plans.removeAll(keepingCapacity: true) }
            plans[key] = memo
        }
        return memo.plan
    }

    private func make(
        _ entry: ProfileEntry, _ requested: RequestedRuntime, _ snapshot: Snapshot, _ context: RequestContext
    ) throws -> Memo {
        let id = ProfileID(registry: entry.registry, profile: entry.slug)
        let resolved = try resolver.resolve(
            id, try entry.profile(), requested, in: snapshot)
        let settings = resolved.effective.stepSettings
        let destination = try services.upstreams.choose(settings)
        let credentials = ProfileCredentials(
            settings, secrets: services.configuration.secrets, tenant: context.tenantSlug)
        let plan = ChatPlan(
            entry: entry, resolved: resolved,
            upstream: try services.upstreams.chain(from: destination, settings, credentials),
            timeouts: destination.timeouts.applying(settings),
            tools: ToolFilter(allowed: resolved.effective.tools, catalogue: catalogue),
            middlewares: try MiddlewareChain(resolved.effective.middlewares, from: services.middlewares))
        let layers = resolved.lineage.compactMap { snapshot.registry($0.id.registry)?.profile($0.id.profile) }
        return Memo(plan: plan, layers: layers)
    }
}

extension RequestedRuntime {
    /// About how many bytes the request says about itself.
    fileprivate var size: Int {
        overrides.isEmpty && variables.isEmpty
            ? 0 : JSONValue.object(overrides).encoded().count + JSONValue.object(variables).encoded().count
    }
}
