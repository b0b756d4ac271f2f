internal import HTTPServer
internal import JSON

/// Endpoints about the process itself (`gateway.md §10`).
struct OperationsHandlers: Sendable {
    /// The process runs.
    @Sendable func health(_ context: RequestContext) async throws -> Response {
        .json(["status": "ok"])
    }

    /// The gateway can serve; never depends on one tenant or an upstream.
    @Sendable func readiness(_ context: RequestContext) async throws -> Response {
        .json(["status": "ok"])
    }

    @Sendable func version(_ context: RequestContext) async throws -> Response {
        var document: JSONObject = ["version": .string(GatewayVersion.text)]
        for library in GatewayVersion.libraries { document[library.name] = .string(library.version) }
        return .json(.object(document))
    }
}
