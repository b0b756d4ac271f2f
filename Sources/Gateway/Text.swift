extension StringProtocol {
    /// The text without blanks around it.
    var trimmingBlanks: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}

extension String {
    /// The text with only the last part of each path in it; quotes around a path stay.
    var withoutDirectories: String {
        split(separator: " ", omittingEmptySubsequences: false)
            .map { word in
                guard let slash = word.lastIndex(of: "/") else { return String(word) }
                return String(word.prefix { "'\"(".contains($0) }) + word[word.index(after: slash)...]
            }
            .joined(separator: " ")
    }
}

extension String {
    /// The text for a path segment or a query: everything but RFC 3986's unreserved characters is escaped.
    var percentEncoded: String {
        var encoded = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
