internal import HTTPServer
internal import JSON
internal import Upstreams

/// `POST /v1/chat/completions`: the client's bytes go up with the profile's part spliced in, the upstream's come down
/// as they are (`gateway.md §8`).
struct ChatCompletionsHandlers: Sendable {
    let service: ChatService

    @Sendable func create(_ context: RequestContext) async throws -> Response {
        let body = try CompletionRequestBody(context.body)
        let plan = try await service.plan(body.input, for: context)
        let (bytes, settings) = try body.compose(plan)
        var run = try ChatRun(plan, body: bytes, settings: settings, for: context)
        var response: Response
        if body.isStreaming {
            let (stream, head) = try await run.stream(CompletionTranslator())
            response = .events(stream)
            head?.describe(&response)
        } else {
            let answer = try await run.collect()
            response = .json(bytes: answer.body)
            answer.head.describe(&response)
        }
        plan.describe(&response, for: context)
        return response
    }
}

extension UpstreamHead {
    /// Passes on the few headers that may come down.
    func describe(_ response: inout Response) {
        for field in headers { response.headers.append(field.name, field.value) }
    }
}

/// Passes events through; only a stream that breaks off needs words of ours.
private final class CompletionTranslator: StreamTranslator {
    func began(_ head: UpstreamHead) -> [UInt8] { [] }

    func translate(_ events: UnsafeRawBufferPointer) -> [UInt8]? { nil }

    func completed() -> [UInt8] { [] }

    /// An `error` event and no `[DONE]`: OpenAI's clients raise on it.
    func failed(_ problem: Problem) -> [UInt8] { EventStreamWriter.event(data: problem.body().encoded()) }
}
