/// The value of `If-Match` or `If-None-Match` (RFC 9110 §13.1).
package struct EntityTagList: Sendable {
    /// `*`: any current representation.
    package let isAny: Bool
    /// Opaque tags with their quotes, and whether each was marked weak.
    package let tags: [(tag: String, isWeak: Bool)]
    /// False when the value is neither `*` nor a list of quoted tags.
    package let isWellFormed: Bool

    package init(_ value: String) {
        let value = Self.trimmed(value)
        if value == "*" {
            isAny = true
            tags = []
            isWellFormed = true
            return
        }
        isAny = false
        var found: [(String, Bool)] = []
        var wellFormed = true
        var rest = value
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "," }
            guard !rest.isEmpty else { break }
            let weak = rest.hasPrefix("W/")
            if weak { rest = rest.dropFirst(2) }
            guard rest.first == "\"", let close = rest.dropFirst().firstIndex(of: "\"") else {
                wellFormed = false
                break
            }
            found.append((String(rest[...close]), weak))
            rest = rest[rest.index(after: close)...]
        }
        tags = found
        isWellFormed = wellFormed && !found.isEmpty
    }

    private static func trimmed(_ value: String) -> Substring {
        var rest = value.drop { $0 == " " || $0 == "\t" }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }

    /// Weak comparison, for `If-None-Match`.
    package func matchesWeakly(_ etag: String) -> Bool { isAny || tags.contains { $0.tag == etag } }

    /// Strong comparison, for `If-Match`.
    package func matchesStrongly(_ etag: String) -> Bool { isAny || tags.contains { $0.tag == etag && !$0.isWeak } }
}
