internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// `/admin/tenants`: which tenants there are and how they are (`gateway.md §9`).
struct TenantAdminHandlers: Sendable {
    /// A page of all tenants. Opens none: how a tenant is whose file is not in memory, nobody has looked at yet.
    @Sendable func list(_ context: RequestContext) async throws -> Response {
        let limit = try context.queriedLimit(
            default: ProfileListQuery.defaultLimit, maximum: ProfileListQuery.maximumLimit)
        let after = try context.head.target.query("after").map { (raw) throws(ValidationError) in
            try TenantSlug(validating: raw)
        }
        let directory = context.services.tenants
        let rest = directory.slugs.drop { slug in after.map { slug <= $0 } ?? false }
        let page = rest.prefix(limit)
        let items = page.map { JSONValue.object(Self.document($0, directory.state(of: $0), context)) }
        var response = Response.json(.array(items))
        response.headers.append("Cache-Control", "private, no-cache")
        if rest.count > page.count, let last = page.last {
            response.headers.append("Link", context.nextLink(after: last))
        }
        return response
    }

    /// One tenant, opened if it is not: so its state is known, also when it cannot be opened.
    @Sendable func get(_ context: RequestContext) async throws -> Response {
        guard let slug = context.tenantSlug else { throw Problem.tenantNotFound }
        var document: JSONObject
        do throws(RegistryError) {
            let tenant = try await context.services.tenants.open(slug)
            document = Self.document(slug, tenant.state, context)
            let snapshot = tenant.snapshot
            document["registries"] = .number(JSONNumber(snapshot.registries.count))
            document["profiles"] = .number(JSONNumber(snapshot.registries.reduce(0) { $0 + $1.count }))
            document["revision"] = .number(JSONNumber(snapshot.revision))
        } catch {
            if case .tenantNotFound = error { throw error }
            document = Self.document(slug, nil, context)
            document["state"] = "unavailable"
            document["reason"] = .string(error.message)
        }
        var response = Response.json(.object(document))
        response.headers.append("Cache-Control", "private, no-cache")
        return response
    }

    private static func document(
        _ slug: TenantSlug, _ state: Tenant.State?, _ context: RequestContext
    ) -> JSONObject {
        let configured = context.services.configuration.tenant(slug)
        var name = "closed"
        var reason = JSONValue.null
        switch state {
        case .serving: name = "serving"
        case .quarantined(let error):
            name = "quarantined"
            reason = .string(error.message)
        case .restoring: name = "restoring"
        case .closed, nil: break
        }
        return [
            "slug": .string(slug.rawValue), "display_name": .string(configured?.displayName ?? slug.rawValue),
            "state": .string(name), "reason": reason, "open": .bool(state != nil && state != .closed),
        ]
    }
}
