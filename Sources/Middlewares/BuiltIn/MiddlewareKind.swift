import JSON
import Profiles

/// A kind of middleware: what is advertised about it, and how a configuration becomes one.
struct MiddlewareKind: Sendable {
    /// Makes a middleware of a configuration that satisfies the schema, with the schema's defaults filled in.
    typealias Build = @Sendable (JSONObject) throws(JSONSchemaViolation) -> any ChatMiddleware

    let definition: MiddlewareDefinition
    private let build: Build

    /// - Throws: where the schema uses a keyword that would not be enforced.
    init(
        name: String, displayName: String, description: String, schema: JSONValue, build: @escaping Build
    ) throws(ValidationError) {
        let compiled: JSONSchema
        do { compiled = try JSONSchema(schema, compilePattern: compileSchemaPattern) } catch {
            throw ValidationError(field: "middlewares.\(name).schema", reason: error.description)
        }
        self.build = build
        definition = MiddlewareDefinition(
            name: name, displayName: displayName, description: description, configSchema: compiled,
            furtherCheck: { config throws(JSONSchemaViolation) in
                _ = try build(Self.withDefaults(config, of: compiled))
            })
    }

    func make(_ config: JSONObject) throws(JSONSchemaViolation) -> any ChatMiddleware {
        try definition.configSchema.validate(.object(config))
        return try build(Self.withDefaults(config, of: definition.configSchema))
    }

    private static func withDefaults(_ config: JSONObject, of schema: JSONSchema) -> JSONObject {
        schema.applyingDefaults(to: .object(config)).objectValue ?? config
    }
}
