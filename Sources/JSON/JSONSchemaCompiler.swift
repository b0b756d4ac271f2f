/// Turns a schema's document into nodes, refusing what would not be enforced.
///
/// Recursion follows the nesting of the document, which parsing bounds; `$ref` is only a look-up, so a cycle of
/// references costs nothing here and is judged at the end.
struct JSONSchemaCompiler {
    private static let maximumNodes = 10_000
    /// How many `$ref`, `allOf`, `anyOf`, `oneOf` and `not` may judge one value inside one another.
    private static let maximumInPlaceDepth = 16
    private static let annotations: Set<String> = [
        "title", "description", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly",
    ]

    private let compilePattern: JSONSchema.PatternCompiler?
    private var nodes: [JSONSchemaNode] = []
    /// The nodes of what `$ref` may name: `#`, `#/$defs/…`, `#/definitions/…`.
    private var targets: [String: Int] = [:]

    init(compilePattern: JSONSchema.PatternCompiler?) { self.compilePattern = compilePattern }

    mutating func compile(_ document: JSONValue) throws(JSONSchemaError) -> [JSONSchemaNode] {
        targets["#"] = try reserve(path: "")
        var definitions: [(node: Int, document: JSONValue)] = []
        for container in ["$defs", "definitions"] {
            guard let members = document[container] else { continue }
            guard case .object(let object) = members else {
                throw JSONSchemaError(path: container, reason: "must be an object of schemas")
            }
            for (name, definition) in object {
                let node = try reserve(path: FieldPath.member(FieldPath.excerpt(name), of: container))
                targets["#/\(container)/\(name)"] = node
                definitions.append((node, definition))
            }
        }
        try fill(0, from: document)
        for definition in definitions { try fill(definition.node, from: definition.document) }
        try refuseEndlessChains()
        return nodes
    }

    private mutating func reserve(path: String) throws(JSONSchemaError) -> Int {
        guard nodes.count < Self.maximumNodes else {
            throw JSONSchemaError(path: path, reason: "more than \(Self.maximumNodes) schemas in one document")
        }
        nodes.append(JSONSchemaNode(path: path))
        return nodes.count - 1
    }

    private mutating func add(_ document: JSONValue, path: String) throws(JSONSchemaError) -> Int {
        let node = try reserve(path: path)
        try fill(node, from: document)
        return node
    }

    private mutating func fill(_ index: Int, from document: JSONValue) throws(JSONSchemaError) {
        var node = nodes[index]
        switch document {
        case .bool(let acceptsEverything): node.refusesEverything = !acceptsEverything
        case .object(let keywords):
            for (keyword, value) in keywords { try read(keyword, value, into: &node) }
        default:
            throw JSONSchemaError(path: node.path, reason: "must be a schema (an object or a boolean)")
        }
        nodes[index] = node
    }

    private mutating func read(
        _ keyword: String, _ value: JSONValue, into node: inout JSONSchemaNode
    ) throws(JSONSchemaError) {
        let operand = JSONSchemaOperand(value: value, path: FieldPath.member(FieldPath.excerpt(keyword), of: node.path))
        switch keyword {
        case "type": node.types = try operand.types()
        case "enum": node.enumeration = try operand.nonEmptyArray()
        case "const": node.constant = value
        case "default": node.defaultValue = value
        case "required": node.required = try operand.strings()
        case "minProperties": node.propertyCount.minimum = try operand.count()
        case "maxProperties": node.propertyCount.maximum = try operand.count()
        case "minItems": node.itemCount.minimum = try operand.count()
        case "maxItems": node.itemCount.maximum = try operand.count()
        case "uniqueItems": node.uniqueItems = try operand.bool()
        case "minimum": node.minimum = try operand.number()
        case "maximum": node.maximum = try operand.number()
        case "exclusiveMinimum": node.exclusiveMinimum = try operand.number()
        case "exclusiveMaximum": node.exclusiveMaximum = try operand.number()
        case "multipleOf": node.multipleOf = try operand.positiveNumber()
        case "minLength": node.length.minimum = try operand.count()
        case "maxLength": node.length.maximum = try operand.count()
        case "pattern": node.pattern = try operand.pattern(compiledBy: compilePattern)
        case "$ref": node.reference = try target(of: operand)
        case "$defs" where node.path.isEmpty, "definitions" where node.path.isEmpty: break
        case "properties", "additionalProperties", "items", "allOf", "anyOf", "oneOf", "not":
            try readSubschemas(keyword, operand, into: &node)
        case _ where Self.annotations.contains(keyword): break
        default:
            throw JSONSchemaError(
                path: node.path,
                reason:
                    "keyword \"\(FieldPath.excerpt(keyword))\" is not supported and would not be enforced; remove it")
        }
    }

    private mutating func readSubschemas(
        _ keyword: String, _ operand: JSONSchemaOperand, into node: inout JSONSchemaNode
    ) throws(JSONSchemaError) {
        switch keyword {
        case "properties":
            guard case .object(let members) = operand.value else {
                throw JSONSchemaError(path: operand.path, reason: "must be an object of schemas")
            }
            for (name, schema) in members {
                let path = FieldPath.member(FieldPath.excerpt(name), of: operand.path)
                guard node.addProperty(name, schema: try add(schema, path: path)) else {
                    throw JSONSchemaError(path: path, reason: "differs from another property only in its Unicode form")
                }
            }
        case "additionalProperties":
            switch operand.value {
            case .bool(true): node.additionalProperties = .allowed
            case .bool(false): node.additionalProperties = .forbidden
            default: node.additionalProperties = .schema(try add(operand.value, path: operand.path))
            }
        case "items": node.items = try add(operand.value, path: operand.path)
        case "allOf": node.allOf = try addAll(operand)
        case "anyOf": node.anyOf = try addAll(operand)
        case "oneOf": node.oneOf = try addAll(operand)
        default: node.not = try add(operand.value, path: operand.path)
        }
    }

    private mutating func addAll(_ operand: JSONSchemaOperand) throws(JSONSchemaError) -> [Int] {
        var indices: [Int] = []
        for (position, schema) in try operand.nonEmptyArray().enumerated() {
            indices.append(try add(schema, path: FieldPath.element(position, of: operand.path)))
        }
        return indices
    }

    private func target(of operand: JSONSchemaOperand) throws(JSONSchemaError) -> Int {
        let reference = try operand.string()
        // A JSON pointer escapes two characters.
        let plain = reference.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
            .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
        guard let target = targets[plain] else {
            throw JSONSchemaError(
                path: operand.path,
                reason:
                    "\"\(FieldPath.excerpt(reference))\" is not \"#\" or a definition of this document "
                    + "(\"#/$defs/<name>\")"
            )
        }
        return target
    }

    /// Refuses schemas that judge one value inside one another for ever, or nearly so.
    ///
    /// Round after round the nodes that only lean on settled ones are settled; what is left then leans on itself.
    private func refuseEndlessChains() throws(JSONSchemaError) {
        var unsettled = nodes.indices.filter { !nodes[$0].inPlace.isEmpty }
        var isSettled = nodes.map(\.inPlace.isEmpty)
        for _ in 0..<Self.maximumInPlaceDepth where !unsettled.isEmpty {
            let settledNow = unsettled.filter { nodes[$0].inPlace.allSatisfy { isSettled[$0] } }
            for index in settledNow { isSettled[index] = true }
            unsettled.removeAll { isSettled[$0] }
        }
        if let index = unsettled.first {
            throw JSONSchemaError(
                path: nodes[index].path,
                reason: "$ref, allOf, anyOf, oneOf and not lead back to the same schema, or are more than "
                    + "\(Self.maximumInPlaceDepth) levels deep for one value")
        }
    }
}
