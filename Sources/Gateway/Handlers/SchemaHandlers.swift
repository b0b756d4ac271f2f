internal import HTTPServer
internal import JSON
internal import Profiles

/// The schemas that writes are judged by; what is advertised is what is enforced (`gateway.md §5`, origin 3.8).
struct SchemaHandlers: Sendable {
    /// The middlewares a profile may use, sorted by name.
    @Sendable func middlewares(_ context: RequestContext) async throws -> Response {
        .json(context.services.rules.middlewareSchemas())
    }

    /// The extension keys that have a schema, sorted by key.
    @Sendable func extensions(_ context: RequestContext) async throws -> Response {
        .json(context.services.rules.extensionSchemas())
    }
}
