package import JSON

/// Writes JSON values as YAML that reads back as the same values, numbers digit by digit.
///
/// Block style, two blanks per level. Text is plain where no reader of YAML 1.1 or 1.2 can take it for anything else, a
/// literal block where it has lines, and quoted in JSON's way otherwise.
package struct YAMLWriter {
    private var bytes: [UInt8] = []

    package static func encode(_ value: JSONValue) -> [UInt8] {
        var writer = YAMLWriter()
        switch value {
        case .object(let object) where !object.isEmpty: writer.mapping(object, level: 0)
        case .array(let elements) where !elements.isEmpty: writer.sequence(elements, level: 0)
        default:
            writer.scalar(value, level: 0)
            writer.newline()
        }
        return writer.bytes
    }

    private mutating func mapping(_ object: JSONObject, level: Int) {
        for (position, member) in object.enumerated() {
            if position > 0 || level == 0 { indent(level) }
            key(member.key, level: level)
            value(member.value, level: level)
        }
    }

    /// The elements of a sequence, each on the level of its dash.
    private mutating func sequence(_ elements: [JSONValue], level: Int) {
        for (position, element) in elements.enumerated() {
            if position > 0 || level == 0 { indent(level) }
            append("-")
            switch element {
            case .object(let object) where !object.isEmpty:
                append(" ")
                mapping(object, level: level + 1)
            case .array(let inner) where !inner.isEmpty:
                append(" ")
                sequence(inner, level: level + 1)
            default:
                append(" ")
                scalar(element, level: level)
                newline()
            }
        }
    }

    /// What stands behind a key and its colon.
    private mutating func value(_ value: JSONValue, level: Int) {
        switch value {
        case .object(let object) where !object.isEmpty:
            newline()
            indent(level + 1)
            mapping(object, level: level + 1)
        case .array(let elements) where !elements.isEmpty:
            newline()
            indent(level + 1)
            sequence(elements, level: level + 1)
        default:
            append(" ")
            scalar(value, level: level)
            newline()
        }
    }

    private mutating func key(_ key: String, level: Int) {
        let text = YAMLText.inline(key)
        // libyaml looks for a key's colon on the next 1024 bytes only; a longer one has to be announced.
        if text.utf8.count <= 1000 { return append(text + ":") }
        append("? " + text)
        newline()
        indent(level)
        append(":")
    }

    private mutating func scalar(_ value: JSONValue, level: Int) {
        switch value {
        case .null: append("null")
        case .bool(let flag): append(flag ? "true" : "false")
        case .number(let number): append(number.text)
        case .array: append("[]")
        case .object: append("{}")
        case .string(let text):
            guard YAMLText.canBeLiteral(text) else { return append(YAMLText.inline(text)) }
            literal(text, level: level)
        }
    }

    /// A literal block; the caller ends the last line.
    private mutating func literal(_ text: String, level: Int) {
        let body = text.hasSuffix("\n") ? text.dropLast() : text[...]
        append(text.hasSuffix("\n") ? "|" : "|-")
        for line in body.split(separator: "\n", omittingEmptySubsequences: false) {
            newline()
            guard !line.isEmpty else { continue }
            indent(level + 1)
            append(String(line))
        }
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
    private mutating func newline() { bytes.append(UInt8(ascii: "\n")) }

    private mutating func indent(_ level: Int) {
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
    }
}

/// How a text can be spelled in YAML.
enum YAMLText {
    /// Plain if nobody can mistake it, else quoted; on one line.
    static func inline(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

    /// Whether a text with lines can stand as a literal block, which shows it as it is.
    static func canBeLiteral(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != 0x20, first != 0x09, first != 0x0A, text.utf8.contains(0x0A),
            !text.hasSuffix("\n\n"), text != "\n"
        else { return false }
        var previous: UInt8 = 0x0A
        for byte in text.utf8 {
            // Blanks at a line's end are invisible, and some editors take them away.
            if byte == 0x0A && (previous == 0x20 || previous == 0x09) { return false }
            previous = byte
        }
        return previous != 0x20 && previous != 0x09
            && text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || isPrintable($0) }
    }

    private static let words: Set<String> = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last, text.utf8.count <= 200 else {
            return false
        }
        guard first.properties.isAlphabetic || first == "_", last != " ", last != ":" else { return false }
        guard !words.contains(text.lowercased()) else { return false }
        var previous = first
        for scalar in text.unicodeScalars {
            if previous == ":" && scalar == " " { return false }
            previous = scalar
            if scalar.isASCII {
                let isWord = scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value)
                guard isWord || " _-./@+:,;!?()'=$%^*".unicodeScalars.contains(scalar) else { return false }
            } else if !isPrintable(scalar) {
                return false
            }
        }
        return true
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    let width = scalar.value > 0xFFFF ? 8 : 4
                    result +=
                        (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
                }
            }
        }
        return result + "\""
    }

    /// Whether YAML lets a character stand as itself and takes it for no end of a line.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}
