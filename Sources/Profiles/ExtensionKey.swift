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
        let text = "middleware.\(SlugText.lowercased(SlugText.trimmed(middleware)))_config@v1"
        guard Self.isCanonical(text) else { return nil }
        rawValue = text
    }

    package var description: String { rawValue }

    package static func < (left: ExtensionKey, right: ExtensionKey) -> Bool {
        left.rawValue.precedesByBytes(right.rawValue)
    }

    static func field(_ key: String) -> String { "profile.extensions[\(key)]" }

    private static func isCanonical(_ text: String) -> Bool {
        let halves = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard halves.count == 2 else { return false }
        let parts = halves[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy(isPart) && isVersion(halves[1])
    }

    private static func isPart(_ part: Substring.UTF8View) -> Bool {
        guard (1...64).contains(part.count), let first = part.first, let last = part.last else { return false }
        return SlugText.isAlphanumeric(first) && SlugText.isAlphanumeric(last)
            && part.allSatisfy { SlugText.isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isVersion(_ text: Substring.UTF8View) -> Bool {
        guard text.first == UInt8(ascii: "v"), (2...6).contains(text.count) else { return false }
        let digits = text.dropFirst()
        return digits.first != UInt8(ascii: "0") && digits.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
    }
}
