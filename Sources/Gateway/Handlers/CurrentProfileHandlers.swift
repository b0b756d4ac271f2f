internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// The profile a browser has chosen, kept in the `chat_profile` cookie (`gateway.md §5`, origin 3.7).
struct CurrentProfileHandlers: Sendable {
    /// The cookie's profile, or the default one; a stale or malformed cookie is ignored and expired.
    @Sendable func get(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        let selected = try Selection(sources: Selection.Sources(), for: context)
            .resolve(in: snapshot)
        var response = answer(selected.entry)
        if selected.expiresCookie {
            response.headers.append("Set-Cookie", ProfileCookie.setCookie(nil, for: context))
        }
        return response
    }

    /// Selects a profile: `{"profile"|"slug": …, "registry"?: …}`.
    @Sendable func select(_ context: RequestContext) async throws -> Response {
        let snapshot = try await context.snapshot()
        var reader = try context.bodyReader()
        let profile = try reader.string("profile")
        let slug = try reader.string("slug")
        let registryName = try reader.string("registry")
        try reader.finish()
        if let profile, let slug, profile != slug {
            throw Problem.badRequest("profile and slug disagree", code: "selection_conflict", param: "slug")
        }
        // A blank one must not fall through to a header or a cookie, as it does for a chat.
        guard let raw = profile ?? slug, !raw.trimmingBlanks.isEmpty else {
            throw Problem.badRequest("bad request: profile is missing", code: "missing_field", param: "profile")
        }
        let selected = try Selection(
            sources: Selection.Sources(bodyProfile: raw, bodyRegistry: registryName), for: context
        ).resolve(in: snapshot)
        var response = answer(selected.entry)
        response.headers.append("Set-Cookie", ProfileCookie.setCookie(selected.entry, for: context))
        return response
    }

    private func answer(_ entry: ProfileEntry) -> Response {
        var response = Response.json([
            "profile": .string(entry.slug.rawValue),
            "slug": .string(entry.slug.rawValue),
            "registry": .string(entry.registry.rawValue),
        ])
        response.headers.append("Cache-Control", "private, no-cache")
        response.headers.append("Vary", "Authorization, X-Api-Key, X-Tenant, Cookie")
        return response
    }
}
