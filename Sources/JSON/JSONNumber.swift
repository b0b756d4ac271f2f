/// A number exactly as it was written: 9007199254740993, 1.10 and 1e400 survive (`gateway.md §4`).
///
/// The text is always one token of the grammar of RFC 8259; two numbers are equal when their texts are.
package struct JSONNumber: Sendable, Hashable {
    /// The token as written.
    package let text: String

    /// Wraps a token the parser has already checked.
    init(unchecked text: String) { self.text = text }

    package init(_ value: some FixedWidthInteger) { text = String(value) }

    /// The shortest text that reads back as the same double; nil for infinities and not-a-number, which JSON lacks.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
            text = String(whole)
        } else {
            text = value.description
        }
    }

    /// Accepts exactly one RFC 8259 number and nothing around it.
    package init?(parsing text: String) {
        var text = text
        let isNumber = text.withUTF8 { bytes in
            JSONGrammar.numberEnd(in: bytes, from: 0) == bytes.count
        }
        guard isNumber else { return nil }
        self.text = text
    }

    /// The value if the token is a plain integer (no fraction, no exponent) that fits.
    package var int64: Int64? { Int64(text) }

    /// The value if the token is a plain integer (no fraction, no exponent, no sign) that fits.
    package var uint64: UInt64? { text.utf8.first == UInt8(ascii: "-") ? nil : UInt64(text) }

    /// The nearest double; nil where it would be infinite.
    package var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// The value of any spelling of an integer that fits 64 bits (`3`, `3.0`, `3e0`); nil for everything else.
    package var integral: Int64? {
        if let plain = int64 { return plain }
        guard let value = double, value.magnitude < 9_007_199_254_740_992 else { return nil }
        return Int64(exactly: value)
    }
}
