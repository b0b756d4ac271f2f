/// The members of one JSON object as ranges of its bytes, found in one validating pass that builds no values.
///
/// This is the way of a chat body through the gateway: the few members that matter are looked at, the rest stays
/// bytes (``JSONSplice``). Unless told otherwise the pass is as strict as
/// ``JSONValue/init(parsing:maximumDepth:)-(Array<UInt8>,_)``: what it accepts parses, and the other way round.
package struct JSONMembers: Sendable {
    package enum Kind: Sendable, Equatable {
        case null, bool, number, string, array, object
    }

    /// How much is asked of the bytes.
    package enum Rules: Sendable {
        /// What the parser takes: no key twice in an object, no half of a surrogate pair.
        case strict
        /// What RFC 8259 says JSON is, for documents of others that are passed on and not read.
        case grammar
    }

    package struct Member: Sendable {
        /// The key without escapes.
        package let key: String
        /// Where the key stands, quotes included.
        package let keyRange: Range<Int>
        package let valueRange: Range<Int>
        package let kind: Kind
    }

    /// The bytes all ranges point into.
    package let bytes: [UInt8]
    /// In the order written.
    package let members: [Member]
    /// From the opening brace to after the closing one.
    package let objectRange: Range<Int>

    /// Scans a whole document, which must be an object.
    ///
    /// - Throws: as strict parsing does, and for a document that is no object.
    package init(
        scanning bytes: [UInt8], rules: Rules = .strict, maximumDepth: Int = JSONValue.defaultMaximumDepth
    ) throws(JSONError) {
        self.bytes = bytes
        (members, objectRange) = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            var scanner = JSONScanner(buffer, rules: rules, maximumDepth: maximumDepth)
            return try scanner.scanDocument()
        }
    }

    /// The members of an object inside bytes that a scan has accepted already, as found in a member's range.
    ///
    /// - Throws: if the range holds no object.
    package init(of bytes: [UInt8], in range: Range<Int>) throws(JSONError) {
        self.bytes = bytes
        (members, objectRange) = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            var scanner = JSONScanner(buffer, from: range.lowerBound)
            return try scanner.scanTopObject()
        }
    }

    package subscript(key: String) -> Member? {
        members.first { $0.key.hasSameBytes(as: key) }
    }

    /// The member's value, parsed; nil if there is no such member.
    package func value(_ key: String) throws(JSONError) -> JSONValue? {
        guard let member = self[key] else { return nil }
        return try value(at: member.valueRange)
    }

    /// The value that stands in a range of the bytes.
    package func value(at range: Range<Int>) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSONValue(parsing: UnsafeBufferPointer(rebasing: buffer[range]))
        }
    }

    /// The ranges and kinds of the elements of an array inside the bytes, as found in a member's range.
    ///
    /// - Throws: if the range holds no array.
    package func elements(in range: Range<Int>) throws(JSONError) -> [(range: Range<Int>, kind: Kind)] {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            var scanner = JSONScanner(buffer, from: range.lowerBound)
            return try scanner.scanTopArray()
        }
    }
}
