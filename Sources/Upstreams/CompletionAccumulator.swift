internal import JSON

/// Puts a streamed answer together: the events of one `chat.completion.chunk` stream in, text as it comes and the
/// whole completion out.
package struct CompletionAccumulator: Sendable {
    /// `data: [DONE]` has come.
    package private(set) var isDone = false

    private var parser = EventStreamParser()
    private var received = Completion()
    /// The arguments of each tool call as they have come so far.
    private var arguments: [String] = []
    private let maximumBytes: Int
    private var keptBytes = 0

    /// - Parameter maximumBytes: of the answer's text and tool calls together.
    package init(maximumBytes: Int = UpstreamResponse.maximumBytes) { self.maximumBytes = maximumBytes }

    /// The answer as far as it has come.
    package var completion: Completion {
        var completion = received
        for (index, text) in arguments.enumerated() where !text.isEmpty {
            guard var call = completion.toolCalls[index].objectValue else { continue }
            var function = call["function"]?.objectValue ?? JSONObject()
            function["arguments"] = .string(text)
            call["function"] = .object(function)
            completion.toolCalls[index] = .object(call)
        }
        return completion
    }

    /// Takes bytes of the stream, in any pieces, and returns the text that is new in them.
    ///
    /// - Throws: `CompletionError` when an event is no JSON or reports an error, or the answer has become too large;
    ///   nothing may be added after it.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) throws(CompletionError) -> [String] {
        var texts: [String] = []
        for event in parser.feed(bytes) {
            if let text = try add(event) { texts.append(text) }
        }
        return texts
    }

    private mutating func add(_ event: ServerSentEvent) throws(CompletionError) -> String? {
        guard !isDone else { return nil }
        guard !event.isDone else {
            isDone = true
            return nil
        }
        let chunk: JSONValue
        do throws(JSONError) {
            chunk = try JSONValue(parsing: event.data)
        } catch {
            throw CompletionError(reason: "an event of the answer is no JSON: \(error)")
        }
        if let failure = CompletionError(errorMember: chunk) { throw failure }
        received.id = received.id ?? chunk["id"]?.stringValue
        received.model = received.model ?? chunk["model"]?.stringValue
        received.usage = TokenUsage(chunk["usage"]) ?? received.usage
        // Only the first choice is ours; with n > 1 the others are interleaved under other indices.
        let choice = chunk["choices"]?.arrayValue?.first { ($0["index"]?.numberValue?.integral ?? 0) == 0 }
        guard let choice else { return nil }
        received.finishReason = choice["finish_reason"]?.stringValue ?? received.finishReason
        let delta = choice["delta"]
        for call in delta?["tool_calls"]?.arrayValue ?? [] { try merge(toolCall: call) }
        guard let text = Completion.text(delta?["content"]) ?? delta?["refusal"]?.stringValue, !text.isEmpty else {
            return nil
        }
        try keep(text.utf8.count)
        received.output += text
        return text
    }

    private mutating func keep(_ bytes: Int) throws(CompletionError) {
        guard bytes <= maximumBytes - keptBytes else {
            throw CompletionError(reason: "the answer is larger than \(maximumBytes) bytes", isTooLarge: true)
        }
        keptBytes += bytes
    }

    /// The first piece of a call carries id and name, the following ones append to its arguments.
    private mutating func merge(toolCall piece: JSONValue) throws(CompletionError) {
        let last = max(0, received.toolCalls.count - 1)
        let index = piece["index"]?.numberValue?.integral.flatMap { Int(exactly: $0) } ?? last
        guard (0...received.toolCalls.count).contains(index) else { return }
        let text = piece["function"]?["arguments"]?.stringValue ?? ""
        guard index < received.toolCalls.count else {
            var call = piece.objectValue ?? JSONObject()
            call["index"] = nil
            try keep(JSONValue.object(call).encoded().count)
            received.toolCalls.append(.object(call))
            arguments.append(text)
            return
        }
        try keep(text.utf8.count)
        arguments[index] += text
    }
}
