internal import HTTPServer
internal import JSON
internal import Upstreams

/// `POST /chat`: one prompt in, one answer out, as a document or as events (`gateway.md §8`).
struct ChatHandlers: Sendable {
    let service: ChatService

    @Sendable func complete(_ context: RequestContext) async throws -> Response {
        let prompt = try ChatPrompt(context)
        let plan = try await service.plan(
            Selection.Sources(
                path: context.parameters["profile"], bodyProfile: prompt.profile, bodyRegistry: prompt.registry),
            overrides: prompt.overrides, for: context)
        let turn = ChatTurn(prompt, plan, context.services.identifiers)
        let tools = plan.tools.offeredByProfile()
        let settings = try plan.settings(streams: prompt.isStreaming, offersTools: !tools.isEmpty)
        let body = OpenAIRequestBody(systemPrompt: plan.systemPrompt, prompt: prompt.prompt, tools: tools)
            .encoded(settings)
        let request = plan.request(body: body, settings: settings, for: context)
        var response =
            prompt.isStreaming
            ? try await stream(request, plan, turn) : try await collect(request, plan, turn)
        plan.describe(&response, for: context)
        return response
    }

    private func collect(_ request: UpstreamRequest, _ plan: ChatPlan, _ turn: ChatTurn) async throws -> Response {
        let answer = try await plan.upstream.send(request)
        let completion: Completion
        do {
            completion = try Completion(parsing: answer.body)
        } catch {
            throw Problem(
                .badGateway, code: "upstream_bad_response",
                "upstream \(answer.head.upstream.debugDescription): \(error.reason)")
        }
        return .json(turn.document(completion, upstream: answer.head.upstream))
    }

    private func stream(_ request: UpstreamRequest, _ plan: ChatPlan, _ turn: ChatTurn) async throws -> Response {
        let relay = StreamRelay(TurnTranslator(turn))
        _ = try await relay.start(plan.upstream, request)
        return .events(relay.stream)
    }
}

extension Response {
    /// A stream of server-sent events that no proxy may hold back.
    static func events(_ stream: ResponseStream) -> Response {
        var headers = HeaderFields()
        headers.append("Content-Type", "text/event-stream; charset=utf-8")
        headers.append("Cache-Control", "no-cache")
        headers.append("X-Accel-Buffering", "no")
        return Response(status: .ok, headers: headers, body: .stream(stream))
    }
}
