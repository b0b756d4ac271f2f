/// Reads the fields of one object by name and type, then refuses those nobody asked for.
///
/// The typed getters answer nil for a field that is absent or null, and throw ``FieldError`` with the field's path
/// for one of the wrong type. `finish()` must come last: an unknown field is an error that names it (`gateway.md §4`).
package struct ObjectReader {
    package let object: JSONObject
    package let path: String
    /// Positions of the members already asked for; the set beyond the first 64.
    private var seenLow: UInt64 = 0
    private var seenHigh: Set<Int> = []

    package init(_ object: JSONObject, path: String = "") {
        self.object = object
        self.path = path
    }

    /// A reader over a value that must be an object.
    package init(_ value: JSONValue, path: String = "") throws(FieldError) {
        guard case .object(let object) = value else {
            throw FieldError(path: path, reason: "must be an object")
        }
        self.init(object, path: path)
    }

    package func path(of key: String) -> String { FieldPath.member(key, of: path) }

    /// The raw value, null included; nil when absent.
    package mutating func value(_ key: String) -> JSONValue? {
        guard let position = object.position(of: key) else { return nil }
        if position < 64 { seenLow |= 1 << UInt64(position) } else { seenHigh.insert(position) }
        return object[key]
    }

    package mutating func string(_ key: String) throws(FieldError) -> String? {
        try typed(key, "must be a string") { $0.stringValue }
    }

    package mutating func bool(_ key: String) throws(FieldError) -> Bool? {
        try typed(key, "must be a boolean") { $0.boolValue }
    }

    package mutating func uint64(_ key: String) throws(FieldError) -> UInt64? {
        try typed(key, "must be an integer from 0 to 18446744073709551615") { $0.numberValue?.uint64 }
    }

    package mutating func int64(_ key: String) throws(FieldError) -> Int64? {
        try typed(key, "must be an integer of 64 bits") { $0.numberValue?.int64 }
    }

    package mutating func array(_ key: String) throws(FieldError) -> [JSONValue]? {
        try typed(key, "must be an array") { $0.arrayValue }
    }

    package mutating func object(_ key: String) throws(FieldError) -> JSONObject? {
        try typed(key, "must be an object") { $0.objectValue }
    }

    /// An array whose elements are all strings.
    package mutating func strings(_ key: String) throws(FieldError) -> [String]? {
        guard let elements = try array(key) else { return nil }
        return try Self.strings(elements, path: path(of: key))
    }

    /// A reader over a field that must be an object; nil when absent or null.
    package mutating func reader(_ key: String) throws(FieldError) -> ObjectReader? {
        try object(key).map { ObjectReader($0, path: path(of: key)) }
    }

    package static func strings(_ elements: [JSONValue], path: String) throws(FieldError) -> [String] {
        var texts: [String] = []
        texts.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element else {
                throw FieldError(path: FieldPath.element(index, of: path), reason: "must be a string")
            }
            texts.append(text)
        }
        return texts
    }

    /// Refuses the first field, in the order written, that no getter asked for.
    package func finish() throws(FieldError) {
        for (position, key) in object.keys.enumerated() {
            let seen = position < 64 ? seenLow & 1 << UInt64(position) != 0 : seenHigh.contains(position)
            if !seen {
                let name = FieldPath.excerpt(key)
                throw FieldError(path: path(of: name), reason: "unknown field \"\(name)\"")
            }
        }
    }

    private mutating func typed<Value>(
        _ key: String, _ expectation: String, _ convert: (JSONValue) -> Value?
    ) throws(FieldError) -> Value? {
        guard let value = value(key), !value.isNull else { return nil }
        guard let converted = convert(value) else {
            throw FieldError(path: path(of: key), reason: expectation)
        }
        return converted
    }
}
