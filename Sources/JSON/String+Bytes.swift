// Comparing strings by their bytes. `==` and `<` of String mean canonical equivalence, which would take two Unicode
// forms of one text for the same; and these are on the path of every look-up of a key.

extension String {
    /// Whether both strings are the same UTF-8 bytes.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count
            && withBytes { mine in
                other.withBytes { theirs in ByteScan.isEqual(mine, theirs) }
            }
    }

    /// Whether this string sorts before the other one by UTF-8 bytes, the order of every list we answer.
    package func precedesByBytes(_ other: String) -> Bool {
        withBytes { mine in
            other.withBytes { theirs in ByteScan.precedes(mine, theirs) }
        }
    }

    /// Feeds the UTF-8 bytes and their number to the hasher.
    package func hashBytes(into hasher: inout Hasher) {
        withBytes { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
            hasher.combine(bytes.count)
        }
    }

    @inline(__always)
    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(utf8).withUnsafeBufferPointer(body)
    }
}

extension ByteScan {
    /// Whether two buffers of the same size hold the same bytes.
    static func isEqual(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = commonPrefix(one, other)
        return start == one.count
    }

    /// Whether the first buffer sorts before the second, byte by byte, a prefix before what it begins.
    static func precedes(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = commonPrefix(one, other)
        guard start < one.count, start < other.count else { return one.count < other.count }
        return one[start] < other[start]
    }

    /// How many bytes at the start are the same.
    private static func commonPrefix(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Int {
        let count = min(one.count, other.count)
        guard let first = one.baseAddress, let second = other.baseAddress else { return 0 }
        let left = UnsafeRawPointer(first)
        let right = UnsafeRawPointer(second)
        var position = 0
        while position + 8 <= count {
            let difference =
                left.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                ^ right.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if difference != 0 { return position + UInt64(littleEndian: difference).trailingZeroBitCount >> 3 }
            position += 8
        }
        while position < count, one[position] == other[position] { position += 1 }
        return position
    }
}
