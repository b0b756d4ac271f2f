/// The value of `If-Match` or `If-None-Match` (RFC 9110 §13.1).
struct EntityTagList: Sendable {
    /// `*`: any current representation.
    let isAny: Bool
    /// Opaque tags with their quotes, and whether each was marked weak.
    let tags: [(tag: String, isWeak: Bool)]
    /// False when the value is neither `*` nor a list of quoted tags.
    let isWellFormed: Bool

    init(_ value: String) {
        let value = value.trimmingBlanks
        if value == "*" {
            isAny = true
            tags = []
            isWellFormed = true
            return
        }
        isAny = false
        var found: [(String, Bool)] = []
        var wellFormed = true
        var rest = value[...]
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

    /// Weak comparison, for `If-None-Match`.
    func matchesWeakly(_ etag: String) -> Bool { isAny || tags.contains { $0.tag == etag } }

    /// Strong comparison, for `If-Match`.
    func matchesStrongly(_ etag: String) -> Bool { isAny || tags.contains { $0.tag == etag && !$0.isWeak } }
}
