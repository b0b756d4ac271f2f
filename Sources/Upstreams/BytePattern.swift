/// Bytes to be looked for in other bytes, prepared once (Horspool's search: most bytes are never looked at).
struct BytePattern: Sendable {
    let bytes: [UInt8]
    /// How far to move on when a window's last byte is this one.
    private let skips: [Int]

    /// - Parameter bytes: not empty.
    init(_ bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        self.bytes = bytes
        var skips = [Int](repeating: max(1, bytes.count), count: 256)
        for (position, byte) in bytes.dropLast().enumerated() { skips[Int(byte)] = bytes.count - 1 - position }
        self.skips = skips
    }

    func occurs(in text: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count
        return bytes.withUnsafeBytes { bytes in
            skips.withUnsafeBufferPointer { skips in
                var end = count
                while end <= text.count {
                    let last = text[end - 1]
                    if last == bytes[count - 1],
                        UnsafeRawBufferPointer(rebasing: text[end - count..<end]).elementsEqual(bytes)
                    {
                        return true
                    }
                    end += skips[Int(last)]
                }
                return false
            }
        }
    }
}
