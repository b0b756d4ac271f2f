package import JSON

/// Walks the texts of one message in the OpenAI shape: of a request, an answer or a streamed delta.
package enum ChatMessage {
    /// Rewrites every text; nil from `transform` keeps it, nil as the result means that all were kept.
    ///
    /// Unknown members and parts without text (images, files, audio) stay as they are.
    package static func rewriting<Failure: Error>(
        _ message: JSONValue, _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) -> JSONValue? {
        guard case .object(var members) = message else { return nil }
        var isChanged = false
        func put(_ value: JSONValue?, _ key: String) {
            guard let value else { return }
            members[key] = value
            isChanged = true
        }
        put(try rewritingContent(members["content"], transform), "content")
        put(try rewriting(members["refusal"], .refusal, transform), "refusal")
        put(try rewriting(members["reasoning_content"], .reasoningContent, transform), "reasoning_content")
        put(try rewriting(members["reasoning"], .reasoning, transform), "reasoning")
        put(try rewritingToolCalls(members["tool_calls"], transform), "tool_calls")
        put(try rewriting(members["function_call"], "arguments", .functionArguments, transform), "function_call")
        return isChanged ? .object(members) : nil
    }

    /// Every text of a message, in the order in which `rewriting` visits them.
    package static func texts(of message: JSONValue) -> [(text: String, place: ChatTextPlace)] {
        var found: [(String, ChatTextPlace)] = []
        _ = rewriting(message) { text, place in
            found.append((text, place))
            return nil
        }
        return found
    }

    private static func rewriting<Failure: Error>(
        _ value: JSONValue?, _ place: ChatTextPlace, _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) -> JSONValue? {
        guard case .string(let text) = value, let new = try transform(text, place) else { return nil }
        return .string(new)
    }

    private static func rewriting<Failure: Error>(
        _ value: JSONValue?, _ key: String, _ place: ChatTextPlace,
        _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) -> JSONValue? {
        guard case .object(var members) = value, let new = try rewriting(members[key], place, transform) else {
            return nil
        }
        members[key] = new
        return .object(members)
    }

    private static func rewritingContent<Failure: Error>(
        _ content: JSONValue?, _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) -> JSONValue? {
        guard case .array(var parts) = content else { return try rewriting(content, .content, transform) }
        var isChanged = false
        for index in parts.indices {
            if let new = try rewriting(parts[index], "text", .content, transform) {
                parts[index] = new
                isChanged = true
            }
            if let new = try rewriting(parts[index], "refusal", .refusal, transform) {
                parts[index] = new
                isChanged = true
            }
        }
        return isChanged ? .array(parts) : nil
    }

    private static func rewritingToolCalls<Failure: Error>(
        _ calls: JSONValue?, _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) -> JSONValue? {
        guard case .array(var calls) = calls else { return nil }
        var isChanged = false
        for position in calls.indices {
            guard case .object(var call) = calls[position] else { continue }
            let index = call["index"]?.numberValue?.int64.flatMap { Int(exactly: $0) } ?? position
            let function = try rewriting(call["function"], "arguments", .toolArguments(index), transform)
            let custom = try rewriting(call["custom"], "input", .toolInput(index), transform)
            guard function != nil || custom != nil else { continue }
            if let function { call["function"] = function }
            if let custom { call["custom"] = custom }
            calls[position] = .object(call)
            isChanged = true
        }
        return isChanged ? .array(calls) : nil
    }
}
