package import JSON

/// What `POST /chat` needs of an answer in OpenAI's shape.
package struct Completion: Sendable, Equatable {
    package var id: String?
    package var model: String?
    /// Text of the first choice; empty when it only calls tools.
    package var output = ""
    /// The first choice's tool calls, as the upstream wrote them (streamed ones put together).
    package var toolCalls: [JSONValue] = []
    package var finishReason: String?
    package var usage: TokenUsage?

    package init() {}

    /// Reads a whole `chat.completion` document.
    ///
    /// - Throws: `CompletionError` if it is no JSON object or has no choice; everything else is taken as it comes.
    package init(parsing body: [UInt8]) throws(CompletionError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: body)
        } catch {
            throw CompletionError(reason: "the answer is no JSON: \(error)")
        }
        if let failure = CompletionError(errorMember: document) { throw failure }
        guard let choice = document["choices"]?.arrayValue.flatMap(Self.first) else {
            throw CompletionError(reason: "the answer has no choices")
        }
        id = document["id"]?.stringValue
        model = document["model"]?.stringValue
        usage = TokenUsage(document["usage"])
        finishReason = choice["finish_reason"]?.stringValue
        let message = choice["message"]
        output = Self.text(message?["content"]) ?? message?["refusal"]?.stringValue ?? ""
        toolCalls = message?["tool_calls"]?.arrayValue ?? []
    }

    /// The choice of index 0, which need not stand first; where none says its index, the first.
    static func first(of choices: [JSONValue]) -> JSONValue? {
        choices.first { $0["index"]?.numberValue?.integral == 0 } ?? choices.first
    }

    /// A content string, or the texts of content parts.
    static func text(_ content: JSONValue?) -> String? {
        if let text = content?.stringValue { return text }
        return content?.arrayValue.map { parts in parts.compactMap { $0["text"]?.stringValue }.joined() }
    }
}

/// An answer that cannot be read as a completion; `reason` may be shown to the client.
package struct CompletionError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String
    /// Nothing is wrong with the answer but its size.
    package internal(set) var isTooLarge = false

    package var description: String { reason }
}

extension CompletionError {
    /// Whether an answer or an event has an `error` member that is not null.
    ///
    /// Upstreams look for it themselves and pass it on masked; whoever meets one here still does not quote it.
    init?(errorMember document: JSONValue) {
        guard let error = document["error"], !error.isNull else { return nil }
        reason = "the upstream reported an error"
    }
}

extension TokenUsage {
    /// `prompt_tokens` and `completion_tokens`; `nil` if either is missing or no count.
    init?(_ usage: JSONValue?) {
        guard let input = usage?["prompt_tokens"]?.numberValue?.integral.flatMap({ Int(exactly: $0) }),
            let output = usage?["completion_tokens"]?.numberValue?.integral.flatMap({ Int(exactly: $0) }),
            input >= 0, output >= 0
        else { return nil }
        self.init(inputTokens: input, outputTokens: output)
    }
}
