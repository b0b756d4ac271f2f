/// Why a regular expression was refused, in words for whoever wrote it.
package struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    package let source: String
    /// What is wrong, as in `missing closing )`.
    package let reason: String
    /// The part of the pattern it is about, when that is known.
    package let fragment: String?
    /// Zero-based byte at which that part stands, when it stands in one place only.
    package let offset: Int?

    package init(source: String, reason: String, fragment: String? = nil, offset: Int? = nil) {
        self.source = source
        self.reason = reason
        self.fragment = fragment
        self.offset = offset
    }

    package var description: String {
        var text = "regular expression \"\(Self.excerpt(source))\": \(reason)"
        if let fragment, !fragment.isEmpty, fragment != source { text += ": \"\(Self.excerpt(fragment))\"" }
        if let offset { text += " at byte \(offset)" }
        return text
    }

    private static func excerpt(_ text: String) -> String {
        text.utf8.count <= 120 ? text : String(text.prefix(60)) + "…"
    }
}

/// A search that had to be given up: more matches than allowed, or no memory left to search with.
package struct PatternSearchError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String

    package init(reason: String) { self.reason = reason }

    package var description: String { reason }
}
