import JSON
import Middlewares
import Profiles

/// A chain of one or several middlewares, each given as name and configuration text.
func chain(_ uses: (String, String)..., modes: [AgentMode] = []) throws -> MiddlewareChain {
    let builtIn = try BuiltInMiddlewares(agentModes: modes)
    return try MiddlewareChain(
        try uses.enumerated().map { index, use in
            EffectiveMiddleware(
                name: use.0, id: "use\(index)", config: try JSONValue(parsing: use.1).objectValue ?? [:])
        }, from: builtIn)
}

func draft(_ messages: JSONValue..., prompt: String? = nil) -> ChatRequestDraft {
    ChatRequestDraft(systemPrompt: prompt, body: ["model": "m", "messages": .array(messages)])
}

func user(_ text: String) -> JSONValue { ["role": "user", "content": .string(text)] }

func answer(_ text: String) -> ChatAnswer {
    ChatAnswer(body: ["choices": [["index": 0, "message": ["role": "assistant", "content": .string(text)]]]])
}

extension ChatAnswer {
    var text: String? { body["choices"]?[0]?["message"]?["content"]?.stringValue }
}

extension ChatRequestDraft {
    func text(_ index: Int = 0) -> String? { messages[index]["content"]?.stringValue }
}

/// What goes upstream for one text.
func masked(_ text: String, _ config: String) throws -> String {
    var run = try chain(("redact", config)).begin()
    var request = draft(user(text))
    try run.onRequest(&request)
    return request.text() ?? ""
}
