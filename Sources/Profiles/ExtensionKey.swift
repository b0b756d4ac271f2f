import JSON

/// The canonical key of an extension: `namespace.feature@vN` in lower case (origin 2.3).
package struct ExtensionKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let rawValue: String

    /// Trims, lower-cases and checks.
    ///
    /// - Throws: at `profile.extensions[<raw key trimmed>]`.
    package init(validating raw: String) throws(ValidationError) {
        let trimmed = SlugText.trimmed(raw)
        let text = SlugText.lowercased(trimmed)
        guard Self.isCanonical(text) else {
            let shown = FieldPath.excerpt(trimmed)
            throw ValidationError(
                field: Self.field(shown),
                reason: "extension key \"\(shown)\" is invalid (expected namespace.feature@vN)")
        }
        rawValue = text
    }

    /// The key that holds the configuration of a middleware's instances; nil where the name cannot be part of a key.
    package init?(configurationOf middleware: String) {
        let text = Self.configurationText(of: middleware)
        guard Self.isCanonical(text) else { return nil }
        rawValue = text
    }

    package var description: String { rawValue }

    package static func < (left: ExtensionKey, right: ExtensionKey) -> Bool {
        left.rawValue.precedesByBytes(right.rawValue)
    }

    static func field(_ key: String) -> String { "profile.extensions[\(key)]" }

    /// The text of the key that holds the configurations of a middleware, whether or not that is a legal key.
    static func configurationText(of middleware: String) -> String {
        "middleware." + SlugText.lowercased(SlugText.trimmed(middleware)) + "_config@v1"
    }

    private static func isCanonical(_ text: String) -> Bool {
        var rest = text.utf8[...]
        guard skipPart(&rest), skip(UInt8(ascii: "."), &rest), skipPart(&rest), skip(UInt8(ascii: "@"), &rest),
            skip(UInt8(ascii: "v"), &rest), (1...5).contains(rest.count), rest.first != UInt8(ascii: "0")
        else { return false }
        return rest.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
    }

    /// Takes 1 to 64 characters of `[a-z0-9_-]` that begin and end alphanumeric.
    private static func skipPart(_ rest: inout Substring.UTF8View) -> Bool {
        guard let first = rest.first, SlugText.isAlphanumeric(first) else { return false }
        var last = first
        var count = 0
        while let byte = rest.first,
            SlugText.isAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        {
            last = byte
            count += 1
            rest.removeFirst()
        }
        return count <= 64 && SlugText.isAlphanumeric(last)
    }

    private static func skip(_ byte: UInt8, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }
}
