/// Strings as JSON text.
package enum JSONText {
    /// Appends the quoted string; only quotes, backslashes and control characters are escaped.
    package static func encode(_ text: String, into bytes: inout [UInt8]) {
        let encoded: Void? = text.utf8.withContiguousStorageIfAvailable { encode(utf8: $0, into: &bytes) }
        if encoded == nil {
            Array(text.utf8).withUnsafeBufferPointer { encode(utf8: $0, into: &bytes) }
        }
    }

    /// Appends bytes that are known to be UTF-8 as a quoted string.
    package static func encode(utf8 text: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var position = 0
        while position < text.count {
            let plainEnd = ByteScan.endOfPlainText(in: text, from: position)
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[position..<plainEnd]))
            position = plainEnd
            guard position < text.count else { break }
            appendEscape(of: text[position], to: &bytes)
            position += 1
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5C: bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(hexadecimalDigit(byte >> 4))
            bytes.append(hexadecimalDigit(byte & 0xF))
        }
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
