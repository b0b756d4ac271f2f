import JSON
import Profiles

/// `agentmode`: adds the prompt of one of the operator's modes after the profile's prompt.
///
/// A mode the operator has not configured adds nothing: profiles come from elsewhere and outlive modes. Without
/// `default_mode` the operator's first mode is taken, which is also what the schema advertises, so that its default is
/// always a mode there is (`origin.md` D50).
struct AgentModeMiddleware: ChatMiddleware, MiddlewareSession {
    private let prompt: String

    static func kind(modes: [AgentMode]) throws(ValidationError) -> MiddlewareKind {
        var prompts: [String: String] = [:]
        for (index, mode) in modes.enumerated() {
            let field = "agent_modes[\(index)].name"
            guard AgentMode.isName(mode.name) else {
                throw ValidationError(field: field, reason: "must not be empty")
            }
            guard prompts.updateValue(mode.prompt, forKey: mode.name) == nil else {
                throw ValidationError(field: field, reason: "mode \"\(mode.name)\" is defined twice")
            }
        }
        let byName = prompts
        return try MiddlewareKind(
            name: "agentmode", displayName: "Agent Mode",
            description: "Adds the prompt of one of the operator's modes after the system prompt.",
            schema: schema(modes: modes)
        ) { config in
            AgentModeMiddleware(prompt: config["default_mode"]?.stringValue.flatMap { byName[$0] } ?? "")
        }
    }

    private static func schema(modes: [AgentMode]) -> JSONValue {
        var mode: JSONObject = [
            "type": "string", "description": "The mode a chat is in; one that is not configured adds no prompt.",
        ]
        if let first = modes.first {
            mode["default"] = .string(first.name)
            mode["examples"] = .array(modes.map { .string($0.name) })
        }
        return ["type": "object", "properties": ["default_mode": .object(mode)], "additionalProperties": false]
    }

    func makeSession() -> any MiddlewareSession { self }

    func onRequest(_ draft: inout ChatRequestDraft) { draft.extendSystemPrompt(with: prompt) }
}
