internal import Upstreams
internal import HTTPServer
internal import JSON
internal import Profiles

/// `POST /api/chat/resolve`: what a chat would get and why, without asking any upstream (`gateway.md §7`).
struct ResolveHandlers: Sendable {
    let service: ChatService

    @Sendable func resolve(_ context: RequestContext) async throws -> Response {
        let prompt = try ChatPrompt(context, takesVersion: true)
        let input = prompt.input(path: nil)
        // Prompts, settings and lineage are for those who may read profiles; a chat role learns what it is served by.
        let isFull = context.principal.role >= .reader
        let (plan, resolved) = try await service.explain(input, for: context)
        var document = resolved.document(isFull: isFull).objectValue ?? [:]
        if isFull {
            let run = try ChatHandlers.run(prompt.text ?? "", isStreaming: prompt.isStreaming, plan, context)
            if !run.warnings.isEmpty { document["warnings"] = .array(run.warnings.map { .string($0) }) }
            document["upstream"] = [
                "name": .string(plan.upstream.name), "api": .string(plan.upstream.api),
                "url": plan.upstream.endpoint.map { .string($0) } ?? .null,
                "body": try JSONValue(parsing: run.upstreamBody),
            ]
        }
        var response = Response.json(.object(document))
        response.headers.append("Cache-Control", "private, no-cache")
        return response
    }
}
