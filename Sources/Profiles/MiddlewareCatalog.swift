package import JSON

/// What a middleware is called and how it may be configured.
package struct MiddlewareDefinition: Sendable {
    package let name: String
    package let version: Int
    package let displayName: String
    package let description: String
    package let configSchema: JSONSchema
    /// What a schema cannot say, such as that a text must be a regular expression; called with what satisfies it.
    private let furtherCheck: @Sendable (JSONObject) throws(JSONSchemaViolation) -> Void

    package init(
        name: String, version: Int = 1, displayName: String, description: String, configSchema: JSONSchema,
        furtherCheck: @escaping @Sendable (JSONObject) throws(JSONSchemaViolation) -> Void = { _ in }
    ) {
        self.furtherCheck = furtherCheck
        self.name = name
        self.version = version
        self.displayName = displayName
        self.description = description
        self.configSchema = configSchema
    }

    /// Refuses a configuration that this middleware could not run with, naming the place in it.
    package func validate(_ config: JSONObject) throws(JSONSchemaViolation) {
        try configSchema.validate(.object(config))
        try furtherCheck(config)
    }

    /// The entry of `GET /api/chat/schemas/middlewares` (origin 3.8).
    package func document() -> JSONValue {
        [
            "name": .string(name), "version": .number(JSONNumber(version)), "display_name": .string(displayName),
            "description": .string(description), "schema": configSchema.document,
        ]
    }
}

/// The middlewares a profile may use, by name; names match case-sensitively.
package struct MiddlewareCatalog: Sendable {
    private let definitions: [String: MiddlewareDefinition]

    /// - Throws: where a name is blank, cannot be part of an extension key, or is defined twice (MX-10).
    package init(_ list: [MiddlewareDefinition]) throws(ValidationError) {
        var definitions: [String: MiddlewareDefinition] = [:]
        for (index, definition) in list.enumerated() {
            let field = "middlewares[\(index)].name"
            guard !SlugText.isBlank(definition.name) else {
                throw ValidationError(field: field, reason: "must not be empty")
            }
            guard ExtensionKey(configurationOf: definition.name) != nil else {
                throw ValidationError(field: field, reason: "\"\(definition.name)\" cannot be part of an extension key")
            }
            guard definitions.updateValue(definition, forKey: definition.name) == nil else {
                throw ValidationError(field: field, reason: "\"\(definition.name)\" is defined twice")
            }
        }
        self.definitions = definitions
    }

    package subscript(name: String) -> MiddlewareDefinition? { definitions[name] }

    /// Sorted by name.
    package var all: [MiddlewareDefinition] {
        definitions.values.sorted { $0.name.precedesByBytes($1.name) }
    }
}
