/// The text rules that slugs and keys share: trimming of Unicode whitespace, ASCII lower case, the slug grammar.
enum SlugText {
    /// Longest slug of a registry or profile, in bytes.
    static let maximumLength = 128

    /// `raw` without surrounding Unicode whitespace.
    static func trimmed(_ raw: String) -> String {
        if let first = raw.utf8.first, let last = raw.utf8.last, isVisible(first), isVisible(last) { return raw }
        let scalars = raw.unicodeScalars
        guard let first = scalars.first, let last = scalars.last else { return raw }
        if !first.properties.isWhitespace && !last.properties.isWhitespace { return raw }
        guard let start = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let end = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[start...end])
    }

    static func isBlank(_ raw: String) -> Bool {
        if let first = raw.utf8.first, isVisible(first) { return false }
        return raw.unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }

    /// Whether the byte is an ASCII character that can be seen; the quick answer for nearly every text.
    private static func isVisible(_ byte: UInt8) -> Bool { byte &- 0x21 < 0x5E }

    /// ASCII letters in lower case, everything else untouched (no other letter is legal in a slug or key anyway).
    static func lowercased(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 &- 0x41 < 26 }) else { return text }
        return String(decoding: text.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// The normalised slug: trimmed, lower case, `^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$`; nil if it is none.
    static func slug(_ raw: String, maximumLength: Int = maximumLength, inner: StaticString = "._-") -> String? {
        if isSlug(raw, maximumLength, inner) { return raw }
        let text = lowercased(trimmed(raw))
        return isSlug(text, maximumLength, inner) ? text : nil
    }

    /// Whether a text is a slug as it stands, which nearly all of them are.
    private static func isSlug(_ text: String, _ maximumLength: Int, _ inner: StaticString) -> Bool {
        let bytes = text.utf8
        guard (1...maximumLength).contains(bytes.count), let first = bytes.first, let last = bytes.last,
            isAlphanumeric(first), isAlphanumeric(last)
        else { return false }
        let allowed = UnsafeBufferPointer(start: inner.utf8Start, count: inner.utf8CodeUnitCount)
        return bytes.allSatisfy { isAlphanumeric($0) || allowed.contains($0) }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }
}
