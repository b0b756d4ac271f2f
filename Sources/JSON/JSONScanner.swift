/// Walks JSON without building values, checking everything the parser checks.
struct JSONScanner {
    /// Where the keys of one open object are, to find duplicates; many keys go into a set.
    private struct KeyLog {
        /// Up to this many keys are compared one by one.
        static let linearLimit = 32

        let base: Int
        var set: Set<MemberKey> = []
    }

    private struct KeyEntry {
        let start: Int
        let end: Int
        let escaped: Bool
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private let rules: JSONMembers.Rules
    private let maximumDepth: Int
    private var position: Int
    /// The keys of all open objects, innermost last.
    private var keys: [KeyEntry] = []

    /// The buffer must outlive the scanner.
    init(
        _ bytes: UnsafeBufferPointer<UInt8>, from start: Int = 0, rules: JSONMembers.Rules = .strict,
        maximumDepth: Int = JSONValue.defaultMaximumDepth
    ) {
        self.bytes = bytes
        self.rules = rules
        self.maximumDepth = maximumDepth
        position = start
        keys.reserveCapacity(64)
    }

    /// One document that is an object, and nothing after it.
    mutating func scanDocument() throws(JSONError) -> ([JSONMembers.Member], Range<Int>) {
        if let invalid = ByteScan.firstInvalidUTF8(in: bytes) { throw JSONError("invalid UTF-8", at: invalid) }
        let result = try scanTopObject()
        skipWhitespace()
        guard position == bytes.count else {
            throw JSONError("unexpected bytes after the JSON value", at: position)
        }
        return result
    }

    mutating func scanTopObject() throws(JSONError) -> ([JSONMembers.Member], Range<Int>) {
        skipWhitespace()
        guard position < bytes.count else { throw JSONError("the document is empty", at: position) }
        guard bytes[position] == UInt8(ascii: "{") else { throw JSONError("expected an object", at: position) }
        let start = position
        var members: [JSONMembers.Member] = []
        try scanObject(depth: 1) { scanner, key, value, kind throws(JSONError) in
            members.append(
                JSONMembers.Member(
                    key: try scanner.text(of: key), keyRange: key.start - 1..<key.end + 1, valueRange: value,
                    kind: kind))
        }
        return (members, start..<position)
    }

    mutating func scanTopArray() throws(JSONError) -> [(range: Range<Int>, kind: JSONMembers.Kind)] {
        skipWhitespace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "[") else {
            throw JSONError("expected an array", at: position)
        }
        var elements: [(range: Range<Int>, kind: JSONMembers.Kind)] = []
        try scanArray(depth: 1) { range, kind in elements.append((range, kind)) }
        return elements
    }

    /// Skips one value and says where it stood.
    private mutating func scanValue(depth: Int) throws(JSONError) -> (Range<Int>, JSONMembers.Kind) {
        skipWhitespace()
        guard position < bytes.count else { throw JSONError("unexpected end of the document", at: position) }
        let start = position
        let kind: JSONMembers.Kind
        switch bytes[position] {
        case UInt8(ascii: "\""):
            position = try stringEnd(from: position + 1).end
            kind = .string
        case UInt8(ascii: "{"):
            try scanObject(depth: depth + 1) { _, _, _, _ in }
            kind = .object
        case UInt8(ascii: "["):
            try scanArray(depth: depth + 1) { _, _ in }
            kind = .array
        case UInt8(ascii: "t"): kind = try word("true", .bool)
        case UInt8(ascii: "f"): kind = try word("false", .bool)
        case UInt8(ascii: "n"): kind = try word("null", .null)
        default:
            guard JSONGrammar.isDigit(bytes[position]) || bytes[position] == UInt8(ascii: "-") else {
                throw JSONError("expected a JSON value", at: position)
            }
            guard let end = JSONGrammar.numberEnd(in: bytes, from: position) else {
                throw JSONError("malformed number", at: position)
            }
            position = end
            kind = .number
        }
        return (start..<position, kind)
    }

    @inline(__always)
    private mutating func scanObject(
        depth: Int,
        _ visit: (JSONScanner, KeyEntry, Range<Int>, JSONMembers.Kind) throws(JSONError) -> Void
    ) throws(JSONError) {
        try enter(depth)
        skipWhitespace()
        if next(is: UInt8(ascii: "}")) { return }
        var log = KeyLog(base: keys.count)
        while true {
            skipWhitespace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw JSONError("expected a quoted key", at: position)
            }
            let start = position + 1
            let (end, escaped) = try stringEnd(from: start)
            position = end
            let key = KeyEntry(start: start, end: end - 1, escaped: escaped)
            skipWhitespace()
            guard next(is: UInt8(ascii: ":")) else { throw JSONError("expected ':' after the key", at: position) }
            let value: (Range<Int>, JSONMembers.Kind)
            do { value = try scanValue(depth: depth) } catch { throw error.inside(key: try text(of: key)) }
            if rules == .strict { try refuseDuplicate(key, in: &log) }
            try visit(self, key, value.0, value.1)
            skipWhitespace()
            if next(is: UInt8(ascii: ",")) { continue }
            guard next(is: UInt8(ascii: "}")) else {
                throw JSONError("expected ',' or '}' in the object", at: position)
            }
            keys.removeSubrange(log.base...)
            return
        }
    }

    @inline(__always)
    private func stringEnd(from start: Int) throws(JSONError) -> (end: Int, escaped: Bool) {
        try JSONGrammar.stringEnd(in: bytes, from: start, takesLoneSurrogates: rules == .grammar)
    }

    @inline(__always)
    private mutating func scanArray(
        depth: Int, _ visit: (Range<Int>, JSONMembers.Kind) -> Void
    ) throws(JSONError) {
        try enter(depth)
        skipWhitespace()
        if next(is: UInt8(ascii: "]")) { return }
        var index = 0
        while true {
            let element: (Range<Int>, JSONMembers.Kind)
            do { element = try scanValue(depth: depth) } catch { throw error.inside(index: index) }
            visit(element.0, element.1)
            index += 1
            skipWhitespace()
            if next(is: UInt8(ascii: ",")) { continue }
            guard next(is: UInt8(ascii: "]")) else {
                throw JSONError("expected ',' or ']' in the array", at: position)
            }
            return
        }
    }

    private mutating func refuseDuplicate(_ key: KeyEntry, in log: inout KeyLog) throws(JSONError) {
        let count = keys.count - log.base
        if count < KeyLog.linearLimit {
            for entry in keys[log.base...] where try isSame(entry, key) { throw try duplicate(key) }
            keys.append(key)
            return
        }
        if log.set.isEmpty {
            for entry in keys[log.base...] { log.set.insert(MemberKey(text: try text(of: entry))) }
        }
        guard log.set.insert(MemberKey(text: try text(of: key))).inserted else { throw try duplicate(key) }
    }

    private func duplicate(_ key: KeyEntry) throws(JSONError) -> JSONError {
        let text = try text(of: key)
        return JSONError("duplicate key \"\(FieldPath.excerpt(text))\"", at: key.start - 1).inside(key: text)
    }

    private func isSame(_ one: KeyEntry, _ other: KeyEntry) throws(JSONError) -> Bool {
        if one.escaped || other.escaped { return try text(of: one).hasSameBytes(as: text(of: other)) }
        guard one.end - one.start == other.end - other.start else { return false }
        for offset in 0..<one.end - one.start where bytes[one.start + offset] != bytes[other.start + offset] {
            return false
        }
        return true
    }

    private func text(of key: KeyEntry) throws(JSONError) -> String {
        key.escaped
            ? try JSONParser.unescaped(bytes, key.start..<key.end)
            : String(decoding: UnsafeBufferPointer(rebasing: bytes[key.start..<key.end]), as: UTF8.self)
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth <= maximumDepth else {
            throw JSONError("nested deeper than \(maximumDepth) levels", at: position)
        }
        position += 1
    }

    private mutating func word(_ word: StaticString, _ kind: JSONMembers.Kind) throws(JSONError) -> JSONMembers.Kind {
        let end = position + word.utf8CodeUnitCount
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard end <= bytes.count, bytes[position..<end].elementsEqual(expected) else {
            throw JSONError("expected a JSON value", at: position)
        }
        position = end
        return kind
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
