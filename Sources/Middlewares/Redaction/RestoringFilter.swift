import JSON

/// Puts the originals back for their placeholders, in text that arrives in pieces.
///
/// Held back is only an end of the text that begins a placeholder of this chat: from a `[` on, and never longer than
/// the longest placeholder.
struct RestoringFilter: TextStreamFilter {
    private let originals: [[UInt8]: [UInt8]]
    /// Sorted by bytes, to tell quickly whether something begins one of them.
    private let placeholders: [[UInt8]]
    private let maximumLength: Int
    private var held: [UInt8] = []

    /// - Parameter isJSON: the text is JSON, and the originals go into its strings.
    init(_ originals: [[UInt8]: [UInt8]], isJSON: Bool) {
        self.originals = isJSON ? originals.mapValues(Self.escaped) : originals
        placeholders = originals.keys.sorted { $0.lexicographicallyPrecedes($1) }
        maximumLength = placeholders.map(\.count).max() ?? 0
    }

    mutating func push(_ piece: [UInt8], into output: inout [UInt8]) {
        let text = held + piece
        held = []
        var position = 0
        while let start = text[position...].firstIndex(of: UInt8(ascii: "[")) {
            output += text[position..<start]
            var end = start + 1
            while end < text.count, end - start < maximumLength, Placeholder.isInner(text[end]) { end += 1 }
            if end == text.count, beginsPlaceholder(text[start...]) {
                held = Array(text[start...])
                return
            }
            if end < text.count, text[end] == UInt8(ascii: "]"), let original = originals[Array(text[start...end])] {
                output += original
                position = end + 1
            } else {
                output.append(text[start])
                position = start + 1
            }
        }
        output += text[position...]
    }

    mutating func finish(into output: inout [UInt8]) {
        output += held
        held = []
    }

    private func beginsPlaceholder(_ bytes: ArraySlice<UInt8>) -> Bool {
        var low = 0
        var high = placeholders.count
        while low < high {
            let middle = (low + high) / 2
            if placeholders[middle].lexicographicallyPrecedes(bytes) { low = middle + 1 } else { high = middle }
        }
        return low < placeholders.count && placeholders[low].starts(with: bytes)
    }

    /// The inside of a JSON string that says the same.
    static func escaped(_ text: [UInt8]) -> [UInt8] {
        var quoted: [UInt8] = []
        text.withUnsafeBufferPointer { JSONText.encode(utf8: $0, into: &quoted) }
        return Array(quoted.dropFirst().dropLast())
    }
}
