/// The header fields of an answer, kept as the bytes that came and read on demand: most answers are asked for one
/// or two fields, and none of the others is worth a `String`.
package struct ResponseFields: Sendable, Sequence {
    /// "Name: value\r\n" lines.
    private let block: [UInt8]

    package init(block: [UInt8] = []) {
        self.block = block
    }

    /// The first field of that name, compared without case, its value trimmed; bytes that are no UTF-8 are repaired.
    package subscript(name: String) -> String? {
        var lines = Lines(block: block)
        while let line = lines.next() {
            guard line.name.count == name.utf8.count,
                zip(block[line.name], name.utf8).allSatisfy({ asciiLowercased($0) == asciiLowercased($1) })
            else { continue }
            return String(decoding: block[line.value], as: UTF8.self)
        }
        return nil
    }

    package func makeIterator() -> AnyIterator<(name: String, value: String)> {
        var lines = Lines(block: block)
        return AnyIterator {
            guard let line = lines.next() else { return nil }
            return (
                String(decoding: block[line.name], as: UTF8.self), String(decoding: block[line.value], as: UTF8.self)
            )
        }
    }

    /// Walks the lines; what has no colon (a fold, garbage) is skipped.
    private struct Lines {
        let block: [UInt8]
        var position = 0

        init(block: [UInt8]) {
            self.block = block
        }

        mutating func next() -> (name: Range<Int>, value: Range<Int>)? {
            while position < block.count {
                let start = position
                let newline = block[start...].firstIndex(of: UInt8(ascii: "\n")) ?? block.count
                position = newline + 1
                guard let colon = block[start..<newline].firstIndex(of: UInt8(ascii: ":")), colon > start else {
                    continue
                }
                return (start..<colon, trimmed(colon + 1..<newline))
            }
            return nil
        }

        private func trimmed(_ range: Range<Int>) -> Range<Int> {
            var lower = range.lowerBound
            var upper = range.upperBound
            while lower < upper, isBlank(block[lower]) { lower += 1 }
            while upper > lower, isBlank(block[upper - 1]) { upper -= 1 }
            return lower..<upper
        }

        private func isBlank(_ byte: UInt8) -> Bool {
            byte == 0x20 || byte == 0x09 || byte == 0x0D
        }
    }
}
