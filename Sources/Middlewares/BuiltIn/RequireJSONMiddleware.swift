import JSON
import Profiles

/// `require-json`: delivers only answers whose text is JSON that satisfies a schema.
///
/// The first answer that is not is shown back to the model once, with what is wrong; a second one is refused.
struct RequireJSONMiddleware: ChatMiddleware {
    private let schema: JSONSchema
    private let retries: Int

    static func kind() throws(ValidationError) -> MiddlewareKind {
        try MiddlewareKind(
            name: "require-json", displayName: "Require JSON",
            description: "Delivers only answers whose text is JSON that satisfies a schema, asking once more if not.",
            schema: [
                "type": "object",
                "properties": [
                    "schema": [
                        "type": ["object", "boolean"], "default": true,
                        "description": "The JSON Schema of the answer; true takes any JSON.",
                    ],
                    "retries": [
                        "type": "integer", "minimum": 0, "maximum": 1, "default": 1,
                        "description": "How often the model is shown what is wrong and asked again.",
                    ],
                ],
                "additionalProperties": false,
            ]
        ) { config throws(JSONSchemaViolation) in
            try RequireJSONMiddleware(
                schema: config["schema"] ?? true, retries: config["retries"]?.numberValue?.integral == 0 ? 0 : 1)
        }
    }

    private init(schema: JSONValue, retries: Int) throws(JSONSchemaViolation) {
        do { self.schema = try JSONSchema(schema, compilePattern: compileSchemaPattern) } catch {
            throw JSONSchemaViolation(path: FieldPath.prepending("schema", to: error.path), reason: error.reason)
        }
        self.retries = retries
    }

    func makeSession() -> any MiddlewareSession { RequireJSONSession(schema: schema, retries: retries) }
}
