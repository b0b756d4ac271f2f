/// One compiled (sub)schema; others are named by their position in the schema's list of nodes.
struct JSONSchemaNode: Sendable {
    /// Where it stands in the schema's document, for errors about the schema itself.
    var path: String
    /// The schema `false`: nothing satisfies it.
    var refusesEverything = false

    var types: Set<JSONSchemaType>?
    var enumeration: [JSONValue]?
    var constant: JSONValue?
    var defaultValue: JSONValue?

    private var properties: [String: Int] = [:]
    /// The names of the properties in the order written, for messages and for applying defaults.
    private(set) var propertyNames: [String] = []
    var required: [String] = []
    var additionalProperties = AdditionalProperties.allowed
    var propertyCount = CountBounds()

    var items: Int?
    var itemCount = CountBounds()
    var uniqueItems = false

    var minimum: JSONNumber?
    var maximum: JSONNumber?
    var exclusiveMinimum: JSONNumber?
    var exclusiveMaximum: JSONNumber?
    var multipleOf: JSONNumber?

    var length = CountBounds()
    var pattern: Pattern?

    var reference: Int?
    var allOf: [Int] = []
    var anyOf: [Int] = []
    var oneOf: [Int] = []
    var not: Int?

    /// The schemas that judge the same value as this one does.
    var inPlace: [Int] { (reference.map { [$0] } ?? []) + allOf + anyOf + oneOf + (not.map { [$0] } ?? []) }

    init(path: String) { self.path = path }

    /// The schema of a property; names are compared by their bytes, as the keys of documents are.
    func property(named name: String) -> Int? {
        // The dictionary finds canonically equivalent spellings; the compiler refuses two of those in one schema.
        guard let position = properties.index(forKey: name), properties[position].key.hasSameBytes(as: name) else {
            return nil
        }
        return properties[position].value
    }

    /// Adds a property; false when there is one whose name differs only in its Unicode form.
    mutating func addProperty(_ name: String, schema: Int) -> Bool {
        guard properties.updateValue(schema, forKey: name) == nil else { return false }
        propertyNames.append(name)
        return true
    }

    enum AdditionalProperties: Sendable {
        case allowed
        case forbidden
        case schema(Int)
    }

    struct CountBounds: Sendable {
        var minimum: UInt64?
        var maximum: UInt64?
    }

    struct Pattern: Sendable {
        let source: String
        let matches: @Sendable (String) -> Bool
    }
}

/// The type names of JSON Schema.
enum JSONSchemaType: String, Sendable, CaseIterable {
    case null, boolean, integer, number, string, array, object

    func accepts(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.null, .null), (.boolean, .bool), (.number, .number), (.string, .string), (.array, .array),
            (.object, .object):
            true
        case (.integer, .number(let number)): number.isMathematicalInteger
        default: false
        }
    }

    /// The word for it in error messages.
    var phrase: String {
        switch self {
        case .null: "null"
        case .integer, .array, .object: "an \(rawValue)"
        case .boolean, .number, .string: "a \(rawValue)"
        }
    }
}
