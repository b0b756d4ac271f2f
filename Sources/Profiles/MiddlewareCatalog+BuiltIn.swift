import JSON

extension MiddlewareCatalog {
    /// The middlewares every gateway has.
    package static let builtIn: MiddlewareCatalog = {
        do { return try MiddlewareCatalog([agentMode()]) } catch {
            preconditionFailure("the built-in middleware definitions are wrong: \(error)")
        }
    }()

    private static func agentMode() throws(ValidationError) -> MiddlewareDefinition {
        MiddlewareDefinition(
            name: "agentmode", displayName: "Agent Mode",
            description: "Adds the prompt of one of the operator's modes to the system prompt.",
            configSchema: try schema([
                "type": "object",
                "properties": [
                    // No default: it would have to be one of the operator's modes (origin D50).
                    "default_mode": ["type": "string", "description": "The mode a chat starts in."]
                ],
                "additionalProperties": false,
            ]))
    }

    private static func schema(_ document: JSONValue) throws(ValidationError) -> JSONSchema {
        do { return try JSONSchema(document) } catch {
            throw ValidationError(field: error.path, reason: error.reason)
        }
    }
}
