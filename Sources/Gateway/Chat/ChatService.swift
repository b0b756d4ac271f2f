internal import HTTPClient
internal import JSON
internal import Profiles
internal import Synchronization
internal import Tenants
internal import Upstreams

/// Selects and resolves: from a chat request to the plan by which it is answered (`gateway.md §7`).
final class ChatService: Sendable {
    private let services: Services
    private let catalogue: ToolCatalogue
    private let resolver: Resolver
    /// Plans by the profile state they were made of; a changed profile is another entry.
    private let plans = Mutex<[ObjectIdentifier: Memo]>([:])

    private static let maximumPlans = 4096

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
        resolver = Resolver(baseSettings: services.configuration.stepSettings) { runtime in
            upstreams.nameOfChoice(runtime.stepSettings)
        }
    }

    /// - Throws: `Problem`, `RegistryError` or `ResolutionError`: the selection names nothing, the policy refuses, the
    ///   stack is broken.
    func plan(
        _ sources: Selection.Sources, overrides: JSONObject?, for context: RequestContext
    ) async throws -> ChatPlan {
        let snapshot = try await context.snapshot()
        let selected = try Selection(sources: sources, head: context.head)
            .resolve(in: snapshot, defaultRegistry: .default)
        var plan = try plan(for: selected.entry, in: snapshot)
        plan.expiresCookie = selected.expiresCookie
        return plan
    }

    private func plan(for entry: ProfileEntry, in snapshot: Snapshot) throws -> ChatPlan {
        let key = ObjectIdentifier(entry)
        if let memo = plans.withLock({ $0[key] }), memo.isCurrent(in: snapshot) { return memo.plan }
        let memo = try make(entry, in: snapshot)
        plans.withLock { plans in
            // A memo keeps its entry alive, so an identifier is never used twice; the bound lets old states go.
            if plans.count >= Self.maximumPlans { plans.removeAll(keepingCapacity: true) }
            plans[key] = memo
        }
        return memo.plan
    }

    private func make(_ entry: ProfileEntry, in snapshot: Snapshot) throws -> Memo {
        let id = ProfileID(registry: entry.registry, profile: entry.slug)
        let resolved = try resolver.resolve(id, try entry.profile(), in: SnapshotLookup(snapshot: snapshot))
        let destination = try services.upstreams.choose(resolved.effective.stepSettings)
        let plan = ChatPlan(
            entry: entry, resolved: resolved, upstream: destination.upstream,
            timeouts: destination.timeouts.applying(resolved.effective.stepSettings),
            tools: ToolFilter(allowed: resolved.effective.tools, catalogue: catalogue))
        let layers = resolved.lineage.compactMap { snapshot.registry($0.id.registry)?.profile($0.id.profile) }
        return Memo(plan: plan, layers: layers)
    }
}
