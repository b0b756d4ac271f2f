package import JSON

/// One declared step setting: where it stands, what it may be, what holds without it (origin 7).
package struct StepSetting: Sendable {
    package enum Kind: Sendable {
        case string
        case choice([String])
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case boolean
        case strings
        /// Token → bias, numbers or their text.
        case numbersByKey
        /// The text of a JSON object.
        case jsonText
        /// `secret:<name>`, never a key itself.
        case credential
        /// A configured upstream's base URL.
        case baseURL
        /// A configured upstream's name, and a list of them.
        case upstream
        case upstreams
    }

    package let section: String
    package let field: String
    package let kind: Kind
    /// What the upstream side assumes when nothing sets it; not written anywhere. nil: unset.
    package let `default`: JSONValue?
    /// A bit of its own for each name of a setting that has several (`StepSettings.settingsOfManyNames`), else 0.
    var nameBit: UInt32 = 0

    /// `section.field`, as limits name it.
    package var key: String { "\(section).\(field)" }

    /// The value in the type of the setting: texts of numbers and booleans become what they say, whole numbers lose
    /// their fraction. nil when the value does not fit.
    package func normalised(_ value: JSONValue) -> JSONValue? {
        switch kind {
        case .string, .credential, .baseURL, .upstream:
            return value.stringValue == nil ? nil : value
        case .choice(let choices):
            return value.stringValue.flatMap { choices.contains($0) ? value : nil }
        case .integer(let range):
            guard let number = Self.number(value)?.integral, range.contains(number) else { return nil }
            return .number(JSONNumber(number))
        case .number(let range):
            guard let number = Self.number(value), let double = number.double, range.contains(double) else {
                return nil
            }
            return .number(number)
        case .boolean:
            if case .string(let text) = value { return text == "true" ? true : text == "false" ? false : nil }
            return value.boolValue == nil ? nil : value
        case .strings, .upstreams:
            guard let elements = value.arrayValue, elements.allSatisfy({ $0.stringValue != nil }) else { return nil }
            return value
        case .numbersByKey:
            guard var members = value.objectValue else { return nil }
            for (key, bias) in value.objectValue ?? [:] {
                guard let number = Self.number(bias), number.double != nil else { return nil }
                members[key] = .number(number)
            }
            return .object(members)
        case .jsonText:
            guard let text = value.stringValue else { return nil }
            if text.isEmpty { return value }
            guard case .object? = try? JSONValue(parsing: text) else { return nil }
            return value
        }
    }

    /// What a value must be, for error texts.
    package var expectation: String {
        switch kind {
        case .string, .baseURL: "must be a string"
        case .credential: "must be \"secret:<name>\""
        case .choice(let choices): "must be one of " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
        case .integer(let range): "must be an integer" + Self.bounds(range, lowest: .min, highest: .max)
        case .number(let range):
            "must be a number"
                + Self.bounds(range, lowest: -.greatestFiniteMagnitude, highest: .greatestFiniteMagnitude)
        case .boolean: "must be a boolean"
        case .strings: "must be an array of strings"
        case .numbersByKey: "must be an object of numbers"
        case .jsonText: "must be the text of a JSON object"
        case .upstream: "must be the name of a configured upstream"
        case .upstreams: "must be an array of names of configured upstreams"
        }
    }

    /// Whether bounds by minimum and maximum make sense.
    package var isNumeric: Bool {
        switch kind {
        case .integer, .number: true
        default: false
        }
    }

    private static func number(_ value: JSONValue) -> JSONNumber? {
        if case .string(let text) = value { return JSONNumber(parsing: text) }
        return value.numberValue
    }

    private static func bounds<Bound>(_ range: ClosedRange<Bound>, lowest: Bound, highest: Bound) -> String {
        switch (range.lowerBound == lowest, range.upperBound == highest) {
        case (true, true): ""
        case (false, true): " of at least \(range.lowerBound)"
        case (true, false): " of at most \(range.upperBound)"
        case (false, false): " from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}
