/// The spelling of placeholders: `[LABEL_n]`.
enum Placeholder {
    static func bytes(label: String, number: Int) -> [UInt8] { Array("[\(label)_\(number)]".utf8) }

    /// Where placeholders with one of the labels stand in a text.
    static func ranges(in text: UnsafeBufferPointer<UInt8>, labels: Set<String>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var position = 0
        while let start = text[position...].firstIndex(of: UInt8(ascii: "[")) {
            guard let end = end(in: text, from: start, labels: labels) else {
                position = start + 1
                continue
            }
            found.append(start..<end)
            position = end
        }
        return found
    }

    /// Whether the byte may stand between the brackets.
    static func isInner(_ byte: UInt8) -> Bool {
        byte.isDigit || byte == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func end(in text: UnsafeBufferPointer<UInt8>, from start: Int, labels: Set<String>) -> Int? {
        var close = start + 1
        while close < text.count, isInner(text[close]), close - start <= maximumLength { close += 1 }
        guard close < text.count, text[close] == UInt8(ascii: "]"),
            let underscore = text[start..<close].lastIndex(of: UInt8(ascii: "_")), underscore + 1 < close,
            text[(underscore + 1)..<close].allSatisfy(\.isDigit),
            labels.contains(String(decoding: text[(start + 1)..<underscore], as: UTF8.self))
        else { return nil }
        return close + 1
    }

    /// Longer than any label and number can be.
    private static let maximumLength = 64
}
