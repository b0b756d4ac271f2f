internal import HTTPServer
internal import JSON
internal import Logging
internal import Middlewares
internal import Upstreams

/// One chat on its way: up through the profile's middlewares to the upstream, and back down through them.
///
/// Without middlewares the bytes pass as they are, both ways.
struct ChatRun: Sendable {
    private let plan: ChatPlan
    private let settings: OpenAISettings
    private let context: RequestContext
    private var middlewares: MiddlewareRun?
    private var body: [UInt8]
    /// Whether the client asked its stream to end with the usage.
    private let wantsUsage: Bool

    /// Takes the request through the middlewares.
    ///
    /// - Parameters:
    ///   - body: the OpenAI body; without the profile's prompt exactly if the plan has middlewares.
    /// - Throws: `Problem` with what a middleware objects to; nothing may then be sent.
    init(_ plan: ChatPlan, body: [UInt8], settings: OpenAISettings, for context: RequestContext) throws {
        self.plan = plan
        self.settings = settings
        self.context = context
        guard !plan.middlewares.isEmpty else {
            self.body = body
            wantsUsage = false
            return
        }
        let document = try JSONValue(parsing: body).objectValue ?? [:]
        wantsUsage = document["stream_options"]?["include_usage"]?.boolValue ?? false
        var run = plan.middlewares.begin()
        var draft = ChatRequestDraft(systemPrompt: plan.systemPrompt, body: document)
        try run.onRequest(&draft)
        middlewares = run
        self.body = Self.encode(draft)
    }

    /// The body as the upstream would get it, for `POST /api/chat/resolve`.
    var upstreamBody: [UInt8] { body }

    /// Settings that are left out because they cannot be used.
    var warnings: [String] { settings.warnings }

    /// Asks for a whole answer.
    mutating func collect() async throws -> UpstreamResponse {
        var answer = try await send(body)
        guard var run = middlewares, run.changesAnswers || run.needsWholeAnswer else { return answer }
        var spent: JSONObject = [:]
        while true {
            var document = ChatAnswer(body: try Self.document(of: answer))
            // What has no choice is no answer that a middleware could find nothing wrong with.
            if run.needsWholeAnswer, document.body["choices"]?.arrayValue?.isEmpty ?? true {
                throw Problem(unreadableAnswerOf: answer.head.upstream, "the answer has no choices")
            }
            document.body["usage"] = Usage.sum(document.body["usage"], spent)
            switch try run.onAnswer(&document) {
            case .deliver:
                answer.body = JSONValue.object(document.body).encoded()
                return answer
            case .askAgain(let draft):
                spent = document.body["usage"]?.objectValue ?? [:]
                // The draft is the client's request, which may have asked for a stream.
                answer = try await send(try Self.withoutStreaming(Self.encode(draft)))
            }
        }
    }

    /// Asks for a stream, and translates it for the client.
    ///
    /// An answer that a middleware judges as a whole is asked for as one, and played out as a stream afterwards.
    ///
    /// - Returns: the stream, and the upstream's head unless the client's stream had to begin before that came.
    mutating func stream(_ translator: any StreamTranslator) async throws -> (ResponseStream, UpstreamHead?) {
        guard let run = middlewares, run.changesAnswers || run.needsWholeAnswer else {
            return try await relay(translator)
        }
        guard run.needsWholeAnswer else {
            return try await relay(RewritingTranslator(run.makeStream(), then: translator))
        }
        body = try Self.withoutStreaming(body)
        let relay = WholeAnswerRelay(translator, includesUsage: wantsUsage, onFailure: logFailure)
        let head = try await relay.start { [self] in
            var run = self
            let answer = try await run.collect()
            return (answer.head, try Self.document(of: answer))
        }
        return (relay.stream, head)
    }

    private func relay(_ translator: any StreamTranslator) async throws -> (ResponseStream, UpstreamHead?) {
        let relay = StreamRelay(translator, onFailure: logFailure)
        let head = try await relay.start(plan.upstream, plan.request(body: body, settings: settings, for: context))
        return (relay.stream, head)
    }

    /// One line for a stream that fails after its head: nothing else tells the operator.
    private var logFailure: @Sendable (Problem) -> Void {
        { [context, plan] problem in
            var extra: Logger.Metadata = ["code": "\(problem.code)", "profile": "\(plan.runtimeKey)"]
            extra.merge(problem.logged ?? ["reason": "\(problem.message)"]) { $1 }
            context.services.log.warning("stream broke off", metadata: context.metadata(extra))
        }
    }

    private func send(_ body: [UInt8]) async throws -> UpstreamResponse {
        try await plan.upstream.send(plan.request(body: body, settings: settings, for: context))
    }

    private static func encode(_ draft: ChatRequestDraft) -> [UInt8] { JSONValue.object(draft.composed()).encoded() }

    private static func withoutStreaming(_ body: [UInt8]) throws -> [UInt8] {
        var splice = JSONSplice(try JSONMembers(scanning: body))
        splice.remove("stream")
        splice.remove("stream_options")
        return splice.bytes()
    }

    private static func document(of answer: UpstreamResponse) throws -> JSONObject {
        do throws(JSONError) {
            return try JSONValue(parsing: answer.body).objectValue ?? [:]
        } catch {
            throw Problem(unreadableAnswerOf: answer.head.upstream, "the answer is no JSON: \(error)")
        }
    }
}

/// Adds up what several answers to one chat cost.
private enum Usage {
    /// The usage of the last answer with the counts of the earlier ones added; nil when no answer told.
    static func sum(_ last: JSONValue?, _ earlier: JSONObject) -> JSONValue? {
        guard !earlier.isEmpty else { return last }
        var sum = last?.objectValue ?? [:]
        for (name, value) in earlier {
            guard let count = value.numberValue?.int64 else { continue }
            sum[name] = .number(JSONNumber(count &+ (sum[name]?.numberValue?.int64 ?? 0)))
        }
        return .object(sum)
    }
}
