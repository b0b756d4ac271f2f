internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// Everything a handler knows about one request: head, body, caller, tenant and the path's parameters.
///
/// Made by `Gateway` after the door, the tenant and the route are decided; a handler never looks at a header to find out
/// who is calling or whose data is meant.
struct RequestContext: Sendable {
    let head: RequestHead
    let body: [UInt8]
    let requestID: String
    let parameters: PathParameters
    /// The pattern of the endpoint's path, for the log.
    let route: String
    let principal: Principal
    /// The tenant the request addresses; the endpoint's access decides whether there is one.
    let tenantSlug: TenantSlug?
    /// True when the tenant came from the path, which decides the scope of cookies (`gateway.md §5`).
    let isTenantInPath: Bool
    let client: EffectiveClient
    let services: Services

    /// The tenant, opened if it is not yet; suspends only then.
    ///
    /// - Throws: `RegistryError`: the tenant is unknown, in quarantine, or cannot be opened.
    func tenant() async throws -> Tenant {
        guard let tenantSlug else { throw Problem.tenantNotFound }
        if let tenant = services.tenants.resident(tenantSlug), tenant.isLoaded { return tenant }
        return try await services.tenants.open(tenantSlug)
    }

    /// What the tenant's reads are answered from.
    ///
    /// - Throws: `RegistryError`, also when the tenant is in quarantine.
    func snapshot() async throws -> Snapshot { try await tenant().current() }

    /// The same without waiting: nil where the tenant's file has to be read first.
    ///
    /// - Throws: `RegistryError` when the tenant is in quarantine.
    func residentSnapshot() throws(RegistryError) -> Snapshot? {
        guard let tenantSlug, let tenant = services.tenants.resident(tenantSlug), tenant.isLoaded else { return nil }
        return try tenant.current()
    }

    /// Runs work on documents that takes a while off the threads that serve connections, in the tenant's turn.
    ///
    /// - Throws: what the work throws; `RegistryError` as `TenantDirectory.offload` says.
    func offload<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await services.tenants.offload(for: tenantSlug, work)
    }

    /// What a write records about its cause, and how long it may wait.
    func change() -> ChangeContext {
        ChangeContext(
            actor: principal.actor, source: principal.source, requestID: requestID, client: client.address?.host,
            nowMs: services.clock.nowMilliseconds(),
            overridesReadOnly: principal.role == .admin
                && head.headers["X-Override-Read-Only"]?.lowercased() == "true")
    }
}

extension Problem {
    /// One answer for a tenant that does not exist and for one that is somebody else's (`gateway.md §3`).
    static var tenantNotFound: Problem { .notFound("tenant not found", code: "tenant_not_found") }
}
