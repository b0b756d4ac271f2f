package import JSON

/// A known extension: what its values must look like, and the form they are stored in (origin 2.3).
package struct ExtensionDefinition: Sendable {
    /// Turns a value into the one that is stored; throws what is wrong with it.
    package typealias Decoder = @Sendable (JSONValue) throws -> JSONValue

    package let key: ExtensionKey
    /// What `GET /api/chat/schemas/extensions` shows; nil for one that has no schema, which is not shown.
    package let schema: JSONValue?
    private let decoder: Decoder

    package init(key: ExtensionKey, schema: JSONValue? = nil, decoder: @escaping Decoder) {
        self.key = key
        self.schema = schema
        self.decoder = decoder
    }

    /// An extension whose values are stored as they are, if they satisfy the schema.
    package init(key: ExtensionKey, schema: JSONSchema) {
        self.init(key: key, schema: schema.document) { value in
            try schema.validate(value)
            return value
        }
    }

    /// The value to store.
    ///
    /// - Throws: at `profile.extensions[<key>]`, with a reason that starts `decode failed:`.
    package func decode(_ value: JSONValue) throws(ValidationError) -> JSONValue {
        do { return try decoder(value) } catch {
            throw ValidationError(field: ExtensionKey.field(key.rawValue), reason: "decode failed: \(error)")
        }
    }
}

/// The extensions this gateway knows; all others are kept as they are.
package struct ExtensionCatalog: Sendable {
    private let definitions: [ExtensionKey: ExtensionDefinition]

    /// - Throws: where a key is defined twice (EX-8).
    package init(_ list: [ExtensionDefinition]) throws(ValidationError) {
        var definitions: [ExtensionKey: ExtensionDefinition] = [:]
        for definition in list {
            guard definitions.updateValue(definition, forKey: definition.key) == nil else {
                throw ValidationError(
                    field: ExtensionKey.field(definition.key.rawValue), reason: "this extension is defined twice")
            }
        }
        self.definitions = definitions
    }

    package subscript(key: ExtensionKey) -> ExtensionDefinition? { definitions[key] }

    /// Sorted by key.
    package var all: [ExtensionDefinition] { definitions.values.sorted { $0.key < $1.key } }

    /// The extensions of the web chat (origin 3.8).
    package static let builtIn: ExtensionCatalog = {
        do {
            let suggestions = try JSONSchema([
                "type": "object", "title": "Starter suggestions",
                "properties": ["items": ["type": "array", "items": ["type": "string"], "default": []]],
                "required": ["items"], "additionalProperties": false,
            ])
            return try ExtensionCatalog([
                ExtensionDefinition(
                    key: ExtensionKey(validating: "webchat.starter_suggestions@v1"), schema: suggestions)
            ])
        } catch {
            preconditionFailure("the built-in extension definitions are wrong: \(error)")
        }
    }()
}

extension MiddlewareDefinition {
    /// The extension with the configurations of this middleware's instances: `{"instances": {slot: config}}`.
    var configExtension: ExtensionDefinition? {
        guard let key = ExtensionKey(configurationOf: name) else { return nil }
        let schema: JSONValue = [
            "type": "object",
            "properties": ["instances": ["type": "object", "additionalProperties": configSchema.document]],
            "required": ["instances"], "additionalProperties": false,
        ]
        return ExtensionDefinition(key: key, schema: schema) { value in
            var reader = try ObjectReader(value)
            guard let instances = try reader.object("instances") else {
                throw JSONSchemaViolation(path: "", reason: "missing required field \"instances\"")
            }
            try reader.finish()
            for (slot, config) in instances {
                let path = "instances[\(FieldPath.excerpt(slot))]"
                guard case .object(let members) = config else {
                    throw JSONSchemaViolation(path: path, reason: "must be an object, not \(config.kindPhrase)")
                }
                do throws(JSONSchemaViolation) { try validate(members) } catch {
                    throw JSONSchemaViolation(path: FieldPath.member(error.path, of: path), reason: error.reason)
                }
            }
            return value
        }
    }
}
