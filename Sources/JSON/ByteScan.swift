/// Word-at-a-time scanning over raw bytes.
enum ByteScan {
    private static let lows: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// The first position from `start` whose byte is a quote, a backslash or a control character; the count if none is.
    @inline(__always)
    static func endOfPlainText(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return start }
        let raw = UnsafeRawPointer(base)
        var position = start
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let found =
                marks(zeroBytesOf: word ^ (lows &* 0x22)) | marks(zeroBytesOf: word ^ (lows &* 0x5C))
                | marks(below32: word)
            if found != 0 { return position + found.trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { return position }
            position += 1
        }
        return position
    }

    /// High bits at the zero bytes; a mark may be false only above a true one, so the lowest mark is right.
    @inline(__always)
    private static func marks(zeroBytesOf word: UInt64) -> UInt64 { (word &- lows) & ~word & highs }

    /// High bits at the bytes below 0x20, with the same rule about false marks.
    @inline(__always)
    private static func marks(below32 word: UInt64) -> UInt64 { (word &- lows &* 0x20) & ~word & highs }

    /// The first byte that is not part of well-formed UTF-8 (RFC 3629); nil if all are.
    static func firstInvalidUTF8(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let raw = UnsafeRawPointer(base)
        let count = bytes.count
        var position = 0
        while position < count {
            while position + 16 <= count {
                let one = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let two = raw.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self)
                if (one | two) & highs != 0 { break }
                position += 16
            }
            guard position < count else { return nil }
            if bytes[position] < 0x80 {
                position += 1
                continue
            }
            let length = sequenceLength(in: bytes, at: position)
            if length == 0 { return position }
            position += length
        }
        return nil
    }

    /// The length of the well-formed multi-byte sequence at `position`; 0 if there is none.
    private static func sequenceLength(in bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
        let lead = bytes[position]
        let length: Int
        var lowest: UInt8 = 0x80
        var highest: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { lowest = 0xA0 }
            if lead == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { lowest = 0x90 }
            if lead == 0xF4 { highest = 0x8F }
        default: return 0
        }
        guard position + length <= bytes.count else { return 0 }
        let second = bytes[position + 1]
        guard second >= lowest, second <= highest else { return 0 }
        for next in position + 2..<max(position + 2, position + length) where bytes[next] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
