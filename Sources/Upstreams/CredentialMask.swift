/// Hides credentials in text that came from an upstream: the ones we sent, and what looks like one.
package struct CredentialMask: Sendable {
    /// Longest first, so that a secret that contains another one disappears as a whole.
    private var secrets: [String] = []
    /// The secrets that are looked for in answers too, in the same order; see `masked(_:)` for bytes.
    private var needles: [BytePattern] = []

    /// - Parameter secrets: values that were or may have been sent; empty ones are ignored.
    package init(_ secrets: [String]) {
        for secret in secrets { hide(secret) }
    }

    /// The same mask for one more value; what is prepared already stays so.
    func hiding(_ secret: String) -> CredentialMask {
        var mask = self
        mask.hide(secret)
        return mask
    }

    private mutating func hide(_ secret: String) {
        guard !secret.isEmpty, !secrets.contains(secret) else { return }
        let bytes = Array(secret.utf8)
        secrets.insert(secret, at: secrets.firstIndex { $0.utf8.count < bytes.count } ?? secrets.count)
        guard Self.isDistinctive(bytes) else { return }
        needles.insert(
            BytePattern(bytes), at: needles.firstIndex { $0.bytes.count < bytes.count } ?? needles.count)
    }

    package func masked(_ text: String) -> String {
        var result = text
        for secret in secrets {
            result = result.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return Self.maskingLookalikes(result)
    }

    /// An answer's bytes without the credentials that were sent; nil when there are none in them.
    ///
    /// Only credentials that no answer holds by chance are looked for, as they stand: an upstream on the same machine
    /// often has `none` or its own name for a key. What has to be escaped in JSON is not found.
    func masked(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard needles.contains(where: { $0.occurs(in: bytes) }) else { return nil }
        return needles.reduce(Array(bytes)) { $0.replacing($1.bytes, with: "***".utf8) }
    }

    /// At least 16 characters that JSON writes as they are, and no number: replacing it keeps a document valid.
    private static func isDistinctive(_ secret: [UInt8]) -> Bool {
        secret.count >= 16 && secret.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            && !secret.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
    }

    /// Words that begin like a provider's key, and the word after `Bearer`.
    private static func maskingLookalikes(_ text: String) -> String {
        guard prefixes.contains(where: { text.contains($0) }) || text.lowercased().contains("bearer ") else {
            return text
        }
        var result = ""
        var afterBearer = false
        var rest = text[...]
        while let first = rest.first {
            guard isKeyCharacter(first) else {
                result.append(first)
                rest.removeFirst()
                if first != " " { afterBearer = false }
                continue
            }
            let word = rest.prefix(while: isKeyCharacter)
            rest = rest[word.endIndex...]
            let looksLikeKey = word.count >= 12 && prefixes.contains { word.hasPrefix($0) }
            result += looksLikeKey || afterBearer ? "***" : String(word)
            afterBearer = word.lowercased() == "bearer"
        }
        return result
    }

    private static let prefixes = ["sk-", "sk_", "pk-", "rk-", "pgw_", "AIza", "gsk_", "hf_", "xai-", "eyJ"]

    private static func isKeyCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_.*+/=~".contains(character))
    }
}
