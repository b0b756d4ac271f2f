internal import CCrypto
package import JSON

/// SHA-256 in the one spelling we show: `sha256:` and 64 hexadecimal digits.
package enum Fingerprint {
    /// The digest of the value's canonical JSON: equal values, equal fingerprints.
    package static func of(_ value: JSONValue) -> String { of(canonical: value.canonical()) }

    /// The digest of bytes that are canonical JSON already.
    package static func of(canonical bytes: [UInt8]) -> String { "sha256:" + hexadecimal(of: bytes) }

    /// The digest of some bytes, in lower-case hexadecimal.
    package static func hexadecimal(of bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(bytes, bytes.count, &digest)
        return String(unsafeUninitializedCapacity: digest.count * 2) { text in
            for (index, byte) in digest.enumerated() {
                text[index * 2] = digit(byte >> 4)
                text[index * 2 + 1] = digit(byte & 0xF)
            }
            return digest.count * 2
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
