package import Profiles
internal import Synchronization
package import Tenants

/// What resolutions came to, for as long as every state they were made of is the tenant's current one.
///
/// Keyed by the identity of the profile's state and by what the request asks of it; a commit anywhere in the lineage
/// puts another state in a layer's place, and the remembered plan no longer counts. Any thread.
package final class ResolutionMemo<Plan: Sendable>: Sendable {
    /// A profile's state and what a request asks of it. An entry is kept alive by what is remembered under it, so an
    /// identifier is never used twice while it is a key.
    private struct Key: Hashable, Sendable {
        let tenant: TenantSlug?
        let entry: ObjectIdentifier
        let requested: RequestedRuntime
    }

    private struct Remembered: Sendable {
        let plan: Plan
        let layers: [ProfileEntry]

        func isCurrent(in snapshot: Snapshot) -> Bool {
            layers.allSatisfy { snapshot.registry($0.registry)?.profile($0.slug) === $0 }
        }
    }

    private struct Contents: Sendable {
        var plans: [Key: Remembered] = [:]
        /// The profiles' states whose documents are among the bytes.
        var states: Set<ObjectIdentifier> = []
        var bytes = 0

        /// Counts a plan and what it keeps alive, each state as its document and that decoded; false where the limit
        /// would be passed.
        mutating func take(_ kept: [ProfileEntry], _ weight: Int, limit: Int) -> Bool {
            var bytes = bytes + weight
            for entry in kept where states.insert(ObjectIdentifier(entry)).inserted { bytes += 2 * entry.stored.count }
            self.bytes = bytes
            return bytes <= limit
        }
    }

    private let maximumCount: Int
    private let maximumBytes: Int
    private let contents = Mutex(Contents())

    /// - Parameters:
    ///   - maximumCount: plans kept at once.
    ///   - maximumBytes: about what they may hold together. Beyond either all are forgotten.
    package init(maximumCount: Int = 4096, maximumBytes: Int = 64 << 20) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    /// The plan made of this state and request, if nothing it was made of has changed since.
    package func plan(
        _ entry: ProfileEntry, _ requested: RequestedRuntime, tenant: TenantSlug?, in snapshot: Snapshot
    ) -> Plan? {
        let key = Key(tenant: tenant, entry: ObjectIdentifier(entry), requested: requested)
        guard let known = contents.withLock({ $0.plans[key] }), known.isCurrent(in: snapshot) else { return nil }
        return known.plan
    }

    /// Keeps a plan.
    ///
    /// - Parameters:
    ///   - layers: the current state of every profile it was made of; what never changes need not be among them.
    ///   - weight: about the bytes it holds besides the documents of `entry` and `layers`.
    package func remember(
        _ plan: Plan, _ entry: ProfileEntry, _ requested: RequestedRuntime, tenant: TenantSlug?,
        layers: [ProfileEntry], weight: Int
    ) {
        let key = Key(tenant: tenant, entry: ObjectIdentifier(entry), requested: requested)
        let states = layers + [entry]
        contents.withLock { contents in
            if contents.plans.count >= maximumCount || !contents.take(states, weight, limit: maximumBytes) {
                contents = Contents()
                _ = contents.take(states, weight, limit: .max)
            }
            contents.plans[key] = Remembered(plan: plan, layers: layers)
        }
    }
}
