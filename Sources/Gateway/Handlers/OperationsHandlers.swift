internal import HTTPServer
internal import JSON
internal import SQLite

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
        .json([
            "version": .string(GatewayVersion.text),
            "sqlite": .string(SQLiteLibrary.version),
            "libmicrohttpd": .string(Server.libraryVersion),
        ])
    }
}
