internal import CRE2

/// What there is to know about a pattern's source before and after RE2 looked at it.
enum PatternSyntax {
    /// Where `\C` stands, RE2's "any byte", which would cut characters in two.
    static func offsetOfByteEscape(in source: String) -> Int? {
        let bytes = Array(source.utf8)
        var position = 0
        while position + 1 < bytes.count {
            guard bytes[position] == UInt8(ascii: "\\") else {
                position += 1
                continue
            }
            switch bytes[position + 1] {
            case UInt8(ascii: "C"): return position
            case UInt8(ascii: "Q"): position = endOfQuotation(in: bytes, from: position + 2)
            default: position += 2
            }
        }
        return nil
    }

    /// The position after the `\E` that ends a `\Q` quotation, or the end.
    private static func endOfQuotation(in bytes: [UInt8], from start: Int) -> Int {
        var position = start
        while position + 1 < bytes.count {
            if bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "E") { return position + 2 }
            position += 1
        }
        return bytes.count
    }

    static func error(for source: String, _ failure: CRE2Failure) -> PatternError {
        let reason = withUnsafeBytes(of: failure.reason) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let fragment = withUnsafeBytes(of: failure.fragment) { Array($0.prefix(Int(failure.fragment_length))) }
        return PatternError(
            source: source, reason: reason,
            fragment: fragment.isEmpty ? nil : String(decoding: fragment, as: UTF8.self),
            offset: onlyOffset(of: fragment, in: Array(source.utf8)))
    }

    /// RE2 tells which part is wrong, not where; the place is certain when the part occurs once.
    private static func onlyOffset(of fragment: [UInt8], in source: [UInt8]) -> Int? {
        guard !fragment.isEmpty, fragment.count < source.count else { return nil }
        let offsets = (0...(source.count - fragment.count)).lazy
            .filter { source[$0..<($0 + fragment.count)].elementsEqual(fragment) }
            .prefix(2)
        return offsets.count == 1 ? offsets.first : nil
    }
}
