extension JSONValue {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var numberValue: JSONNumber? {
        if case .number(let value) = self { value } else { nil }
    }

    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of that name, if this is an object that has one.
    /// Whether arrays and objects stand in each other more than `levels` deep.
    package func nests(deeperThan levels: Int) -> Bool {
        switch self {
        case .array(let elements): levels <= 0 || elements.contains { $0.nests(deeperThan: levels - 1) }
        case .object(let members): levels <= 0 || members.contains { $0.value.nests(deeperThan: levels - 1) }
        default: false
        }
    }

    package subscript(key: String) -> JSONValue? {
        objectValue?[key]
    }

    /// The element at that position, if this is an array that long.
    package subscript(index: Int) -> JSONValue? {
        guard let elements = arrayValue, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
