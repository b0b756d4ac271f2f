/// A schema that cannot be compiled: what is wrong, and where in the schema.
package struct JSONSchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in the schema, as in `properties.max_rows.minimum`; empty at the top.
    package let path: String
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { path.isEmpty ? "schema: \(reason)" : "schema \(path): \(reason)" }
}

/// One place where a value does not satisfy its schema.
package struct JSONSchemaViolation: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in the value, as in `modes[0].name`; empty at the top.
    package let path: String
    package let reason: String
    /// Which part of the schema says so, as in `properties.modes.items`; nothing of the value is in it.
    package let schemaPath: String

    package init(path: String, reason: String, schemaPath: String = "") {
        self.path = path
        self.reason = reason
        self.schemaPath = schemaPath
    }

    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
