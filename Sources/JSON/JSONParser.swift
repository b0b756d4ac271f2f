/// A strict reader of one JSON document (RFC 8259).
///
/// Refused, with the byte's position and the path: duplicate keys (compared unescaped), anything but whitespace
/// after the value, bytes that are not UTF-8, lone surrogates, nesting deeper than the limit. Numbers keep their text.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    /// How many values may still come.
    private var remainingValues: Int
    private let maximumValues: Int
    private var position = 0

    /// The buffer must outlive the parser.
    init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, maximumValues: Int = .max) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        remainingValues = maximumValues
    }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        if let invalid = ByteScan.firstInvalidUTF8(in: bytes) { throw JSONError("invalid UTF-8", at: invalid) }
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else {
            throw JSONError("unexpected bytes after the JSON value", at: position)
        }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        guard remainingValues > 0 else { throw JSONError("more than \(maximumValues) values", at: position) }
        remainingValues -= 1
        guard position < bytes.count else {
            throw JSONError(position == 0 ? "the document is empty" : "unexpected end of the document", at: position)
        }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object(try parseObject(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try parseArray(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        default: return .number(try parseNumber())
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSONObject {
        try checkDepth(depth)
        position += 1
        var object = JSONObject()
        skipWhitespace()
        if next(is: UInt8(ascii: "}")) { return object }
        while true {
            skipWhitespace()
            let keyOffset = position
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw JSONError("expected a quoted key", at: position)
            }
            let key = try parseString()
            skipWhitespace()
            guard next(is: UInt8(ascii: ":")) else { throw JSONError("expected ':' after the key", at: position) }
            let value: JSONValue
            do { value = try parseValue(depth: depth) } catch { throw error.inside(key: key) }
            guard object.appendNew(key, value) else {
                throw JSONError("duplicate key \"\(FieldPath.excerpt(key))\"", at: keyOffset).inside(key: key)
            }
            skipWhitespace()
            if next(is: UInt8(ascii: ",")) { continue }
            guard next(is: UInt8(ascii: "}")) else {
                throw JSONError("expected ',' or '}' in the object", at: position)
            }
            return object
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> [JSONValue] {
        try checkDepth(depth)
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if next(is: UInt8(ascii: "]")) { return elements }
        while true {
            do { elements.append(try parseValue(depth: depth)) } catch { throw error.inside(index: elements.count) }
            skipWhitespace()
            if next(is: UInt8(ascii: ",")) { continue }
            guard next(is: UInt8(ascii: "]")) else {
                throw JSONError("expected ',' or ']' in the array", at: position)
            }
            return elements
        }
    }

    private mutating func parseString() throws(JSONError) -> String {
        let start = position + 1
        let (end, escaped) = try JSONGrammar.stringEnd(in: bytes, from: start)
        position = end
        return escaped
            ? try Self.unescaped(bytes, start..<end - 1)
            : String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end - 1]), as: UTF8.self)
    }

    /// The text between two quotes with its escapes replaced.
    static func unescaped(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) throws(JSONError) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let plainEnd = min(ByteScan.endOfPlainText(in: bytes, from: position), range.upperBound)
            text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[position..<plainEnd]))
            position = plainEnd
            guard position < range.upperBound else { break }
            let (scalar, end) = try JSONGrammar.scalar(ofEscapeIn: bytes, at: position)
            guard let unicode = Unicode.Scalar(scalar) else {
                throw JSONError("lone surrogate in a string", at: position)
            }
            text.append(contentsOf: UTF8.encode(unicode) ?? UTF8.encodedReplacementCharacter)
            position = end
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func parseNumber() throws(JSONError) -> JSONNumber {
        guard JSONGrammar.isDigit(bytes[position]) || bytes[position] == UInt8(ascii: "-") else {
            throw JSONError("expected a JSON value", at: position)
        }
        guard let end = JSONGrammar.numberEnd(in: bytes, from: position) else {
            throw JSONError("malformed number", at: position)
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[position..<end]), as: UTF8.self)
        position = end
        return JSONNumber(unchecked: text)
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[position..<end].elementsEqual(word.bytes) else {
            throw JSONError("expected a JSON value", at: position)
        }
        position = end
        return value
    }

    private func checkDepth(_ depth: Int) throws(JSONError) {
        guard depth <= maximumDepth else {
            throw JSONError("nested deeper than \(maximumDepth) levels", at: position)
        }
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while position < bytes.count, JSONGrammar.isWhitespace(bytes[position]) { position += 1 }
    }

    @inline(__always)
    private mutating func next(is byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
