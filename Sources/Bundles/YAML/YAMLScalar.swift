import JSON

/// YAML 1.2's core schema: what a scalar's text means. `no`, `on`, `1:30`, `1_000` and dates are text.
enum YAMLScalar {
    struct Failure: Error {
        let reason: String
    }

    private static let prefix = "tag:yaml.org,2002:"

    /// - Throws: for a tag we do not know or whose text does not fit, and for `.inf` and `.nan`, which no JSON can hold.
    static func value(of text: String, tag: String?, isPlain: Bool) throws(Failure) -> JSONValue {
        guard let tag else { return isPlain ? try plain(text) : .string(text) }
        if tag == "!" || tag == prefix + "str" { return .string(text) }
        let value = try plain(text)
        let fits: Bool
        switch tag {
        case prefix + "null": fits = value.isNull
        case prefix + "bool": fits = value.boolValue != nil
        case prefix + "int": fits = value.numberValue.map { !$0.text.contains { ".eE".contains($0) } } ?? false
        case prefix + "float": fits = value.numberValue != nil
        default: throw Failure(reason: "the tag \(tag) is not known here")
        }
        guard fits else {
            throw Failure(reason: "\"\(FieldPath.excerpt(text))\" is no \(tag.dropFirst(prefix.count))")
        }
        return value
    }

    /// Whether a collection may carry the tag.
    static func isKnown(_ tag: String?, for kind: String) -> Bool {
        tag == nil || tag == "!" || tag == prefix + kind
    }

    private static func plain(_ text: String) throws(Failure) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
            throw Failure(reason: "\(text) is a number that JSON does not have; quote it if it is text")
        default:
            // As written wherever JSON has that spelling, so that 1.10 and 9007199254740993 survive.
            if let number = JSONNumber(parsing: text) { return .number(number) }
            if let number = respelled(text) { return .number(number) }
            return .string(text)
        }
    }

    /// A number in a spelling that YAML has and JSON has not: `0o17`, `0x1F`, `+1`, `007`, `.5`, `5.`.
    private static func respelled(_ text: String) -> JSONNumber? {
        guard let first = text.utf8.first, first &- 0x30 < 10 || first == 0x2B || first == 0x2D || first == 0x2E else {
            return nil
        }
        if text.hasPrefix("0o") { return integer(text.dropFirst(2), radix: 8) }
        if text.hasPrefix("0x") { return integer(text.dropFirst(2), radix: 16) }
        var rest = text[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        var whole = rest.prefix { $0.isASCII && $0.isWholeNumber }
        rest = rest.dropFirst(whole.count)
        var fraction: Substring?
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isWholeNumber }
            rest = rest.dropFirst(1 + digits.count)
            fraction = digits
        }
        guard !whole.isEmpty || fraction?.isEmpty == false else { return nil }
        while whole.count > 1, whole.first == "0" { whole = whole.dropFirst() }
        var spelled = (isNegative ? "-" : "") + (whole.isEmpty ? "0" : whole)
        if let fraction { spelled += "." + (fraction.isEmpty ? "0" : fraction) }
        // What is left must be an exponent, which the grammar of JSON judges.
        return JSONNumber(parsing: spelled + rest)
    }

    private static func integer(_ digits: Substring, radix: Int) -> JSONNumber? {
        guard digits.first != "+", digits.first != "-" else { return nil }
        return UInt64(digits, radix: radix).map { JSONNumber($0) }
    }
}
