// Grammars of the names an operator writes. Slugs are the domain's; a name of the file must be canonical already,
// because a normalised one would not be the one the operator greps for.

internal import Profiles

enum Names {
    static func tenant(_ text: String) throws(InvalidSetting) -> TenantSlug {
        let slug: TenantSlug
        do {
            slug = try TenantSlug(validating: text)
        } catch {
            throw InvalidSetting("`\(text)` is no tenant slug: \(error.reason)")
        }
        guard slug.rawValue == text else { throw InvalidSetting("`\(text)` must be written `\(slug.rawValue)`") }
        return slug
    }

    /// `slug` or `registry/slug`, either with `@version` behind it.
    static func profileReference(_ text: String) throws(InvalidSetting) -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        do {
            guard (1...2).contains(parts.count), let last = parts.last else {
                throw InvalidSetting("`\(text)` must be `slug`, `registry/slug` or one of them with `@version`")
            }
            if parts.count == 2 { _ = try RegistrySlug(validating: String(parts[0])) }
            let named = last.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
            _ = try ProfileSlug(validating: String(named[0]))
            if named.count == 2, (UInt64(named[1]) ?? 0) == 0 {
                throw InvalidSetting("`\(text)`: the version must be an integer from 1")
            }
        } catch let error as ValidationError {
            throw InvalidSetting(
                "`\(text)` must be `slug`, `registry/slug` or one of them with `@version`: \(error.reason)")
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting("`\(text)` must be `slug`, `registry/slug` or one of them with `@version`")
        }
        return text
    }

    static func upstream(_ text: String) throws(InvalidSetting) -> String {
        try name(text, extra: "._-", phrase: "1 to 64 characters of letters, digits, `.`, `_` and `-`")
    }

    static func tool(_ text: String) throws(InvalidSetting) -> String {
        try name(text, extra: "_-", phrase: "1 to 64 characters of letters, digits, `_` and `-`")
    }

    /// A DNS name in lower case, without a leading dot.
    static func hostSuffix(_ text: String) throws(InvalidSetting) -> String {
        let lower = text.lowercased()
        let labels = lower.split(separator: ".", omittingEmptySubsequences: false)
        let fits = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        }
        guard fits, lower.utf8.count <= 253 else {
            throw InvalidSetting("`\(text)` must be a host name such as gw.example, without a leading dot or a port")
        }
        return lower
    }

    private static func name(_ text: String, extra: String, phrase: String) throws(InvalidSetting) -> String {
        let fits = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || extra.utf8.contains(byte)
        }
        guard (1...64).contains(text.utf8.count), fits else { throw InvalidSetting("`\(text)` must be \(phrase)") }
        return text
    }
}
