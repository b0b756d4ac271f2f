internal import HTTPServer
internal import Tenants

/// The whole server on one page.
struct Routes: Sendable {
    let operations = OperationsHandlers()
    let metrics = MetricsHandlers()
    let tenants = TenantAdminHandlers()
    let backups = BackupHandlers()
    let verification = VerificationHandlers()
    let profiles = ProfileHandlers()
    let registries = RegistryHandlers()
    let history = HistoryHandlers()
    let bundles = BundleHandlers()
    let currentProfile = CurrentProfileHandlers()
    let models = ModelsHandlers()
    let schemas = SchemaHandlers()
    let chat: ChatHandlers
    let chatCompletions: ChatCompletionsHandlers
    let resolve: ResolveHandlers

    init(chat service: ChatService) {
        chat = ChatHandlers(service: service)
        chatCompletions = ChatCompletionsHandlers(service: service)
        resolve = ResolveHandlers(service: service)
    }

    /// Every endpoint, the role it needs and its handler, on one page (`gateway.md §5`, `§8`, `§10`).
    ///
    /// All of `/api`, `/chat` and `/v1` also answers under `/t/{tenant}`; what is `open` does not (`gateway.md §3`).
    var endpoints: [Endpoint] {
        [
            // the process
            open(.get, "/healthz", operations.health),
            open(.get, "/readyz", operations.readiness),
            local("/version", operations.version),
            local("/metrics", metrics.metrics),

            // the operator's: all of /admin, and nothing else
            admin(.get, "/admin/tenants", tenants.list),
            admin(.get, "/admin/tenants/{tenant}", tenants.get),
            admin(.get, "/admin/tenants/{tenant}/registries/export", bundles.exportForOperator),
            admin(.get, "/admin/backups", backups.state),
            admin(.post, "/admin/backups", body: .profile, backups.createOfControl),
            admin(.get, "/admin/tenants/{tenant}/backups", backups.list),
            admin(.post, "/admin/tenants/{tenant}/backups", body: .profile, backups.create),
            admin(.delete, "/admin/tenants/{tenant}/backups/{name}", backups.delete),
            admin(.post, "/admin/tenants/{tenant}/restore", body: .profile, backups.restore),
            admin(.get, "/admin/tenants/{tenant}/verify", verification.verify),
            admin(.post, "/admin/tenants/{tenant}/drill", body: .profile, verification.drill),

            // a tenant's own
            tenant(.get, "/api/tenant/backups", .admin, backups.list),
            tenant(.post, "/api/tenant/backups", .admin, body: .profile, backups.create),
            tenant(.delete, "/api/tenant/backups/{name}", .admin, backups.delete),
            tenant(.post, "/api/tenant/restore", .admin, body: .profile, backups.restore),

            // profiles
            read("/api/chat/profiles", .chat, profiles.list),
            tenant(.post, "/api/chat/profiles", .editor, body: .profile, profiles.create),
            read("/api/chat/profiles/{slug}", .reader, profiles.get),
            tenant(.patch, "/api/chat/profiles/{slug}", .editor, body: .profile, profiles.patch),
            tenant(.put, "/api/chat/profiles/{slug}", .editor, body: .profile, profiles.put),
            tenant(.delete, "/api/chat/profiles/{slug}", .editor, profiles.delete),
            tenant(.post, "/api/chat/profiles/{slug}/default", .editor, body: .profile, profiles.makeDefault),

            // what they were, and who made them so
            tenant(.get, "/api/chat/profiles/{slug}/versions", .reader, history.versions),
            tenant(.get, "/api/chat/profiles/{slug}/versions/{version}", .reader, history.version),
            tenant(.get, "/api/chat/profiles/{slug}/diff", .reader, history.diff),
            tenant(.post, "/api/chat/profiles/{slug}/rollback", .editor, body: .profile, history.rollBack),
            tenant(.get, "/api/chat/registries/{registry}/versions", .reader, history.registryVersions),
            tenant(.get, "/api/chat/registries/{registry}/versions/{version}", .reader, history.registryVersion),
            tenant(.get, "/api/chat/audit", .admin, history.audit),

            // registries
            read("/api/chat/registries", .chat, registries.list),
            tenant(.post, "/api/chat/registries", .admin, body: .profile, registries.create),
            read("/api/chat/registries/{registry}", .chat, registries.get),
            tenant(.patch, "/api/chat/registries/{registry}", .admin, body: .profile, registries.patch),
            tenant(.delete, "/api/chat/registries/{registry}", .admin, registries.delete),
            tenant(.get, "/api/chat/registries/{registry}/export", .reader, bundles.exportOne),
            tenant(.post, "/api/chat/registries/{registry}/import", .editor, body: .registries, bundles.importOne),
            tenant(.get, "/api/chat/registries/export", .reader, bundles.exportAll),
            tenant(.post, "/api/chat/registries/import", .admin, body: .registries, bundles.importAll),

            // the current profile of a browser
            read("/api/chat/profile", .chat, currentProfile.get),
            tenant(.post, "/api/chat/profile", .chat, body: .profile, currentProfile.select),

            // what profiles may contain, and what they come to
            tenant(.get, "/api/chat/schemas/middlewares", .chat, schemas.middlewares),
            tenant(.get, "/api/chat/schemas/extensions", .chat, schemas.extensions),
            tenant(.post, "/api/chat/resolve", .chat, body: .chat, resolve.resolve),

            // chat
            tenant(.post, "/chat", .chat, body: .chat, chat.complete),
            tenant(.post, "/chat/{profile}", .chat, body: .chat, chat.complete),
            tenant(.post, "/api/chat", .chat, body: .chat, chat.complete),
            tenant(.post, "/api/chat/{profile}", .chat, body: .chat, chat.complete),

            // OpenAI's interface
            tenant(.post, "/v1/chat/completions", .chat, body: .chat, chatCompletions.create),
            read("/v1/models", .chat, models.list),
            tenant(.get, "/v1/models/{id...}", .chat, models.get),
        ]
    }

    /// Whether an encoded slash may stand after these segments: only where the id of a model begins, which OpenAI's
    /// clients send as one segment (`/v1/models/default%2Fagent`). Decoded or not, it is the same endpoint and id there.
    static func takesEncodedSlash(after segments: [String]) -> Bool {
        let path = segments.count == 4 && segments[0] == "t" ? segments[2...] : segments[...]
        return path.elementsEqual(["v1", "models"])
    }

    private func open(
        _ method: HTTPServer.Method, _ pattern: String,
        _ handler: @escaping @Sendable (RequestContext) async throws -> Response
    ) -> Endpoint {
        Endpoint(method: method, pattern: pattern, access: .open, bodyLimit: .none, handler: .task(handler))
    }

    private func local(
        _ pattern: String, _ handler: @escaping @Sendable (RequestContext) async throws -> Response
    ) -> Endpoint {
        Endpoint(method: .get, pattern: pattern, access: .local, bodyLimit: .none, handler: .task(handler))
    }

    private func admin(
        _ method: HTTPServer.Method, _ pattern: String, body: Endpoint.BodyLimit = .none,
        _ handler: @escaping @Sendable (RequestContext) async throws -> Response
    ) -> Endpoint {
        Endpoint(method: method, pattern: pattern, access: .operator, bodyLimit: body, handler: .task(handler))
    }

    private func read(
        _ pattern: String, _ role: Role, _ handler: @escaping @Sendable (RequestContext, Snapshot) throws -> Response
    ) -> Endpoint {
        Endpoint(
            method: .get, pattern: pattern, access: .tenant(role), bodyLimit: .none, handler: .read(handler))
    }

    private func tenant(
        _ method: HTTPServer.Method, _ pattern: String, _ role: Role, body: Endpoint.BodyLimit = .none,
        _ handler: @escaping @Sendable (RequestContext) async throws -> Response
    ) -> Endpoint {
        Endpoint(method: method, pattern: pattern, access: .tenant(role), bodyLimit: body, handler: .task(handler))
    }
}
