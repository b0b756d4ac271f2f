package import JSON

/// A chat on its way up, in the OpenAI shape, while middlewares may still change it.
///
/// The profile's own prompt is apart from the client's messages, so that what is added to it is never added to a
/// system message of the client; `composed()` puts them together.
package struct ChatRequestDraft: Sendable, Equatable {
    /// The profile's prompt with its variables filled in; not among the messages of the body.
    package var systemPrompt: String?
    /// The request's body: `messages` and whatever else goes upstream.
    package var body: JSONObject
    /// Whether the answer's text is to be JSON, so that what is put back into it must be escaped.
    package var expectsJSON: Bool
    /// Whether this asks the upstream again about an answer that a middleware refused.
    package internal(set) var isFollowUp = false
    /// Placeholders that stand for something already; no middleware may use one of them for something else.
    var issuedPlaceholders: Set<[UInt8]> = []

    package init(systemPrompt: String?, body: JSONObject) {
        self.systemPrompt = systemPrompt
        self.body = body
        let format = body["response_format"]?["type"]?.stringValue
        expectsJSON = format == "json_object" || format == "json_schema"
    }

    package var messages: [JSONValue] {
        get { body["messages"]?.arrayValue ?? [] }
        set { body["messages"] = .array(newValue) }
    }

    /// The body to send: the profile's prompt, if there is one, stands before the client's messages.
    package func composed(systemRole: String = "system") -> JSONObject {
        guard let systemPrompt, !systemPrompt.isEmpty else { return body }
        var composed = body
        composed["messages"] = .array([["role": .string(systemRole), "content": .string(systemPrompt)]] + messages)
        return composed
    }

    /// Adds a paragraph to the profile's prompt, or makes it the prompt where there is none.
    mutating func extendSystemPrompt(with text: String, before: Bool = false, separator: String = "\n\n") {
        guard !text.isEmpty else { return }
        guard let prompt = systemPrompt, !prompt.isEmpty else {
            systemPrompt = text
            return
        }
        systemPrompt = before ? text + separator + prompt : prompt + separator + text
    }

    /// Every text that `rewriteTexts` visits, the profile's prompt first.
    var texts: [String] {
        var (copy, found): (ChatRequestDraft, [String]) = (self, [])
        copy.rewriteTexts { text, _ in
            found.append(text)
            return nil
        }
        return found
    }

    /// Rewrites every text that goes up (``ChatMessage`` and ``RequestTexts`` say where); nil from `transform` keeps it.
    mutating func rewriteTexts<Failure: Error>(
        _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) {
        if let prompt = systemPrompt, let new = try transform(prompt, .content) { systemPrompt = new }
        var rewritten = messages
        var isChanged = false
        for index in rewritten.indices {
            if let new = try ChatMessage.rewriting(rewritten[index], transform) {
                rewritten[index] = new
                isChanged = true
            }
            let plain = try RequestTexts.rewriting(message: rewritten[index]) { text throws(Failure) in
                try transform(text, .content)
            }
            if let plain {
                rewritten[index] = plain
                isChanged = true
            }
        }
        if isChanged { messages = rewritten }
        // What the client expects the answer to be mostly like has the shape of a message's content.
        if let prediction = body["prediction"], let new = try ChatMessage.rewriting(prediction, transform) {
            body["prediction"] = new
        }
        try RequestTexts.rewrite(&body) { text throws(Failure) in try transform(text, .content) }
    }
}
