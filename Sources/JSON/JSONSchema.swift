/// A compiled JSON Schema: what it advertises is what it enforces (`gateway.md §11`, defect D47 of the origin).
///
/// Compiling refuses every keyword that is not enforced, naming it, so that no advertised bound is ever ignored.
/// Supported: `type` (also a list), `properties`, `required`, `additionalProperties` (absent means allowed),
/// `minProperties`, `maxProperties`, `items`, `minItems`, `maxItems`, `uniqueItems`, `enum`, `const`, `minimum`,
/// `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `minLength`, `maxLength` (in code points),
/// `pattern`, `allOf`, `anyOf`, `oneOf`, `not`, `$ref` into the schema's own `$defs`, `default` (which must itself
/// satisfy the schema it stands in), and the annotations `title`, `description`, `examples`, `$schema`, `$id`,
/// `$comment`, `deprecated`, `readOnly`, `writeOnly`.
///
/// Values are never coerced. Checking is bounded: a schema and a value made to multiply are refused, not followed.
package struct JSONSchema: Sendable {
    /// Compiles one regular expression into a test for "matches somewhere in this text"; throws what is wrong with it.
    package typealias PatternCompiler = @Sendable (String) throws -> @Sendable (String) -> Bool

    /// The schema as given; the thing to show to users.
    package let document: JSONValue
    /// The schema at the top is the first.
    let nodes: [JSONSchemaNode]

    /// Compiles a schema; without `compilePattern` the keyword `pattern` is not supported.
    package init(_ document: JSONValue, compilePattern: PatternCompiler? = nil) throws(JSONSchemaError) {
        self.document = document
        var compiler = JSONSchemaCompiler(compilePattern: compilePattern)
        nodes = try compiler.compile(document)
        try checkDefaults()
    }

    /// What is wrong with a value, in the order of the document, at most `limit` entries; empty when it satisfies.
    package func violations(of value: JSONValue, limit: Int = 8) -> [JSONSchemaViolation] {
        var checker = JSONSchemaChecker(nodes: nodes, limit: max(limit, 1))
        return checker.check(value)
    }

    /// Refuses a value that does not satisfy the schema with the first thing that is wrong.
    package func validate(_ value: JSONValue) throws(JSONSchemaViolation) {
        if let first = violations(of: value, limit: 1).first { throw first }
    }
}
