import JSON
import Profiles

/// `prompt-append`: adds a text before or after the profile's prompt.
struct PromptAppendMiddleware: ChatMiddleware, MiddlewareSession {
    private let text: String
    private let isBefore: Bool
    private let separator: String

    static func kind() throws(ValidationError) -> MiddlewareKind {
        try MiddlewareKind(
            name: "prompt-append", displayName: "Prompt Append",
            description: "Adds a text before or after the system prompt.",
            schema: [
                "type": "object",
                "properties": [
                    "text": ["type": "string", "minLength": 1, "description": "The text to add."],
                    "position": [
                        "enum": ["before", "after"], "default": "after",
                        "description": "On which side of the prompt so far.",
                    ],
                    "separator": [
                        "type": "string", "default": "\n\n", "description": "What stands between prompt and text.",
                    ],
                ],
                "required": ["text"], "additionalProperties": false,
            ]
        ) { config in
            PromptAppendMiddleware(
                text: config["text"]?.stringValue ?? "", isBefore: config["position"] == "before",
                separator: config["separator"]?.stringValue ?? "")
        }
    }

    func makeSession() -> any MiddlewareSession { self }

    func onRequest(_ draft: inout ChatRequestDraft) {
        draft.extendSystemPrompt(with: text, before: isBefore, separator: separator)
    }
}
