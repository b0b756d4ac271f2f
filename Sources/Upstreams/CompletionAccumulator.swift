internal import JSON

/// Puts a streamed answer together: the events of one `chat.completion.chunk` stream in, text as it comes and the
/// whole completion out.
package struct CompletionAccumulator: Sendable {
    package private(set) var completion = Completion()
    /// `data: [DONE]` has come.
    package private(set) var isDone = false

    private var parser = EventStreamParser()

    package init() {}

    /// Takes bytes of the stream, in any pieces, and returns the text that is new in them.
    ///
    /// - Throws: `CompletionError` when an event is no JSON, or reports an error.
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
        completion.id = completion.id ?? chunk["id"]?.stringValue
        completion.model = completion.model ?? chunk["model"]?.stringValue
        completion.usage = TokenUsage(chunk["usage"]) ?? completion.usage
        // Only the first choice is ours; with n > 1 the others are interleaved under other indices.
        let choice = chunk["choices"]?.arrayValue?.first { ($0["index"]?.numberValue?.integral ?? 0) == 0 }
        guard let choice else { return nil }
        completion.finishReason = choice["finish_reason"]?.stringValue ?? completion.finishReason
        let delta = choice["delta"]
        for call in delta?["tool_calls"]?.arrayValue ?? [] { merge(toolCall: call) }
        guard let text = Completion.text(delta?["content"]) ?? delta?["refusal"]?.stringValue, !text.isEmpty else {
            return nil
        }
        completion.output += text
        return text
    }

    /// The first piece of a call carries id and name, the following ones append to its arguments.
    private mutating func merge(toolCall piece: JSONValue) {
        let last = max(0, completion.toolCalls.count - 1)
        let index = piece["index"]?.numberValue?.integral.flatMap { Int(exactly: $0) } ?? last
        guard (0...completion.toolCalls.count).contains(index) else { return }
        guard index < completion.toolCalls.count else {
            var call = piece.objectValue ?? JSONObject()
            call["index"] = nil
            completion.toolCalls.append(.object(call))
            return
        }
        guard var call = completion.toolCalls[index].objectValue else { return }
        if let arguments = piece["function"]?["arguments"]?.stringValue {
            var function = call["function"]?.objectValue ?? JSONObject()
            function["arguments"] = .string((function["arguments"]?.stringValue ?? "") + arguments)
            call["function"] = .object(function)
        }
        completion.toolCalls[index] = .object(call)
    }
}
