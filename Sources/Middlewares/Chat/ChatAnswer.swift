package import JSON

/// An upstream's whole answer, in the OpenAI shape, on its way down.
package struct ChatAnswer: Sendable, Equatable {
    package var body: JSONObject

    package init(body: JSONObject) { self.body = body }

    /// The messages of all choices.
    var messages: [JSONValue] { (body["choices"]?.arrayValue ?? []).compactMap { $0["message"] } }

    /// Rewrites every text of every choice; nil from `transform` keeps it.
    mutating func rewriteTexts<Failure: Error>(
        _ transform: (String, ChatTextPlace) throws(Failure) -> String?
    ) throws(Failure) {
        guard case .array(var choices) = body["choices"] else { return }
        for index in choices.indices {
            guard case .object(var choice) = choices[index], let message = choice["message"],
                let new = try ChatMessage.rewriting(message, transform)
            else { continue }
            choice["message"] = new
            choices[index] = .object(choice)
        }
        body["choices"] = .array(choices)
    }
}
