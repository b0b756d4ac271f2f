/// The parts of RFC 8259's grammar that the parser and the member scanner share.
enum JSONGrammar {
    /// The end of the number that starts at `start`; nil if none does.
    static func numberEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var position = start
        let count = bytes.count
        func skipDigits() -> Bool {
            let first = position
            while position < count, isDigit(bytes[position]) { position += 1 }
            return position > first
        }
        if position < count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard position < count else { return nil }
        if bytes[position] == UInt8(ascii: "0") {
            position += 1
        } else if !skipDigits() {
            return nil
        }
        if position < count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            if !skipDigits() { return nil }
        }
        if position < count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            if !skipDigits() { return nil }
        }
        return position
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    static func isWhitespace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// The byte that a one-letter escape stands for; nil if there is no such escape.
    static func simpleEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""): UInt8(ascii: "\"")
        case UInt8(ascii: "\\"): UInt8(ascii: "\\")
        case UInt8(ascii: "/"): UInt8(ascii: "/")
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    /// Four hexadecimal digits at `start`; nil if they are not there.
    static func hexadecimal(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> UInt32? {
        guard start + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for position in start..<start + 4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// The position after the string whose opening quote is just before `start`, escapes checked, bytes not yet
    /// checked for UTF-8; `escaped` tells whether there was any escape.
    static func stringEnd(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, takesLoneSurrogates: Bool = false
    ) throws(JSONError) -> (end: Int, escaped: Bool) {
        var position = start
        var escaped = false
        while true {
            position = ByteScan.endOfPlainText(in: bytes, from: position)
            guard position < bytes.count else { throw JSONError("the string is not closed", at: start - 1) }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") { return (position + 1, escaped) }
            guard byte == UInt8(ascii: "\\") else {
                throw JSONError("control character in a string; it must be escaped", at: position)
            }
            escaped = true
            if takesLoneSurrogates, position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u"),
                hexadecimal(in: bytes, from: position + 2) != nil
            {
                position += 6
            } else {
                (_, position) = try scalar(ofEscapeIn: bytes, at: position)
            }
        }
    }

    /// The scalar that the escape at `start` (its backslash) stands for, and the position after it.
    static func scalar(
        ofEscapeIn bytes: UnsafeBufferPointer<UInt8>, at start: Int
    ) throws(JSONError) -> (scalar: UInt32, end: Int) {
        guard start + 1 < bytes.count else { throw JSONError("the string is not closed", at: start) }
        if let simple = simpleEscape(bytes[start + 1]) { return (UInt32(simple), start + 2) }
        guard bytes[start + 1] == UInt8(ascii: "u") else { throw JSONError("unknown escape in a string", at: start) }
        guard let first = hexadecimal(in: bytes, from: start + 2) else {
            throw JSONError("\\u must be followed by four hexadecimal digits", at: start)
        }
        guard first & 0xF800 == 0xD800 else { return (first, start + 6) }
        guard first < 0xDC00, start + 7 < bytes.count, bytes[start + 6] == UInt8(ascii: "\\"),
            bytes[start + 7] == UInt8(ascii: "u"), let second = hexadecimal(in: bytes, from: start + 8),
            second & 0xFC00 == 0xDC00
        else { throw JSONError("lone surrogate in a string", at: start) }
        return (0x10000 + (first - 0xD800) << 10 + (second - 0xDC00), start + 12)
    }
}
