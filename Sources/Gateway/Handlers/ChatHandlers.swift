internal import Middlewares
internal import HTTPServer
internal import JSON
internal import Upstreams

/// `POST /chat`: one prompt in, one answer out, as a document or as events (`gateway.md §8`).
struct ChatHandlers: Sendable {
    let service: ChatService

    @Sendable func complete(_ context: RequestContext) async throws -> Response {
        let prompt = try ChatPrompt(context)
        guard let text = prompt.text else {
            throw Problem.badRequest("missing prompt", code: "missing_prompt", param: "prompt")
        }
        let plan = try await service.plan(prompt.input(path: context.parameters["profile"]), for: context)
        var run = try Self.run(text, isStreaming: prompt.isStreaming, plan, context)
        let turn = ChatTurn(prompt, plan, context.services.identifiers)
        var response: Response
        if prompt.isStreaming {
            response = .events(try await run.stream(TurnTranslator(turn)).0)
        } else {
            response = try Self.answer(try await run.collect(), turn)
        }
        plan.describe(&response, for: context)
        return response
    }

    /// The chat of one prompt under a plan, ready to be sent.
    static func run(
        _ prompt: String, isStreaming: Bool, _ plan: ChatPlan, _ context: RequestContext
    ) throws -> ChatRun {
        let tools = plan.tools.offeredByProfile()
        let settings = try plan.settings(streams: isStreaming, offersTools: !tools.isEmpty)
        let body = OpenAIRequestBody(
            systemPrompt: plan.middlewares.isEmpty ? plan.systemPrompt : "", prompt: prompt, tools: tools)
        return try ChatRun(
            plan, body: body.encoded(settings, fallbackModel: plan.fallbackModel), settings: settings, for: context)
    }

    private static func answer(_ answer: UpstreamResponse, _ turn: ChatTurn) throws -> Response {
        do throws(CompletionError) {
            return .json(turn.document(try Completion(parsing: answer.body), upstream: answer.head.upstream))
        } catch {
            throw Problem(unreadableAnswerOf: answer.head.upstream, error.reason)
        }
    }
}

extension OpenAIRequestBody {
    /// The body with a model in it also when no layer names one.
    func encoded(_ settings: OpenAISettings, fallbackModel: String) -> [UInt8] {
        let body = encoded(settings)
        guard settings.model == nil, body.count > 2 else { return body }
        return Array("{\"model\":".utf8) + JSONValue.string(fallbackModel).encoded() + [UInt8(ascii: ",")]
            + body.dropFirst()
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
