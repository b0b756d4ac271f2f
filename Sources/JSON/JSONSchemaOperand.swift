/// The value of one keyword, read as what the keyword needs.
struct JSONSchemaOperand {
    let value: JSONValue
    let path: String

    func string() throws(JSONSchemaError) -> String { try required(value.stringValue, "must be a string") }

    func bool() throws(JSONSchemaError) -> Bool { try required(value.boolValue, "must be a boolean") }

    func number() throws(JSONSchemaError) -> JSONNumber { try required(value.numberValue, "must be a number") }

    func positiveNumber() throws(JSONSchemaError) -> JSONNumber {
        let number = try number()
        return try required(JSONNumber(0).isLess(than: number) ? number : nil, "must be greater than 0")
    }

    func count() throws(JSONSchemaError) -> UInt64 {
        try required(
            value.numberValue?.integral.flatMap { UInt64(exactly: $0) }, "must be an integer that is not negative")
    }

    func nonEmptyArray() throws(JSONSchemaError) -> [JSONValue] {
        try required(value.arrayValue.flatMap { $0.isEmpty ? nil : $0 }, "must be an array that is not empty")
    }

    func strings() throws(JSONSchemaError) -> [String] {
        let elements = try required(value.arrayValue, "must be an array of strings")
        let texts = elements.compactMap(\.stringValue)
        return try required(texts.count == elements.count ? texts : nil, "must be an array of strings")
    }

    func types() throws(JSONSchemaError) -> Set<JSONSchemaType> {
        let names = if let name = value.stringValue { [name] } else { try strings() }
        var types: Set<JSONSchemaType> = []
        for name in names {
            guard let type = JSONSchemaType(rawValue: name) else {
                let known = JSONSchemaType.allCases.map(\.rawValue).joined(separator: ", ")
                throw JSONSchemaError(
                    path: path, reason: "\"\(FieldPath.excerpt(name))\" is not a type; there are \(known)")
            }
            types.insert(type)
        }
        return try required(types.isEmpty ? nil : types, "must name at least one type")
    }

    func pattern(compiledBy compile: JSONSchema.PatternCompiler?) throws(JSONSchemaError) -> JSONSchemaNode.Pattern {
        let source = try string()
        guard let compile else {
            throw JSONSchemaError(path: path, reason: "regular expressions are not supported here; remove it")
        }
        do {
            return JSONSchemaNode.Pattern(source: source, matches: try compile(source))
        } catch {
            throw JSONSchemaError(path: path, reason: "\(error)")
        }
    }

    private func required<Value>(_ value: Value?, _ expectation: String) throws(JSONSchemaError) -> Value {
        guard let value else { throw JSONSchemaError(path: path, reason: expectation) }
        return value
    }
}
