package import JSON

/// One step down into a document.
package enum DocumentStep: Sendable, Equatable {
    case member(String)
    case element(Int)
}

/// A value as the paths of errors are followed through it, whatever it was read from.
package protocol DocumentNode {
    /// Nil where there is none, or where this is no object.
    func member(_ key: String) -> Self?
    /// Nil where there is none, or where this is no array.
    func element(_ index: Int) -> Self?
    /// In the order they were written; none where this is no object.
    func forEachKey(_ body: (String) -> Void)
}

extension JSONValue: DocumentNode {
    package func member(_ key: String) -> JSONValue? { self[key] }
    package func element(_ index: Int) -> JSONValue? { self[index] }

    package func forEachKey(_ body: (String) -> Void) {
        guard case .object(let object) = self else { return }
        for (key, _) in object { body(key) }
    }
}

/// Follows the paths of validation errors (`profiles[agent].runtime.tools[0]`) into the document they are about.
///
/// Errors spell keys normalised (trimmed, lower-case) and do not quote them: each step takes the longest key that the
/// text begins with as it stands, else the longest that fits it when spelled so. Where none fits, the path ends at what
/// encloses the culprit.
package enum DocumentPath {
    package static func steps<Node: DocumentNode>(
        _ path: String, in root: Node
    ) -> (steps: [DocumentStep], isWhole: Bool) {
        var rest = path[...]
        var value = root
        var steps: [DocumentStep] = []
        while !rest.isEmpty {
            if rest.first == "[", let end = rest.firstIndex(of: "]"),
                let index = Int(rest[rest.index(after: rest.startIndex)..<end]), let element = value.element(index)
            {
                steps.append(.element(index))
                value = element
                rest = rest[rest.index(after: end)...]
                continue
            }
            guard let (key, end) = exactKey(of: value, at: rest) ?? longestKey(of: value, at: rest),
                let next = value.member(key)
            else { return (steps, false) }
            steps.append(.member(key))
            value = next
            rest = rest[end...]
        }
        return (steps, true)
    }

    /// The longest key written at the start of `text` as it is, and where it ends there.
    private static func exactKey<Node: DocumentNode>(
        of value: Node, at text: Substring
    ) -> (key: String, end: String.Index)? {
        let isBracketed = text.first == "["
        let start = isBracketed || text.first == "." ? text.index(after: text.startIndex) : text.startIndex
        var ends = text.indices[start...].dropFirst().filter { isBracketed ? text[$0] == "]" : ".[".contains(text[$0]) }
        if !isBracketed { ends.append(text.endIndex) }
        for end in ends.reversed() {
            let key = String(text[start..<end])
            let next = isBracketed ? text.index(after: end) : end
            if isBoundary(next, of: text), value.member(key) != nil { return (key, next) }
        }
        return nil
    }

    /// The longest key that errors write as `text` begins: as `key`, `.key` or `[key]`.
    private static func longestKey<Node: DocumentNode>(
        of value: Node, at text: Substring
    ) -> (key: String, end: String.Index)? {
        var best: (key: String, length: Int)?
        let start = Self.start(of: text)
        value.forEachKey { key in
            guard mayBegin(start, with: key) else { return }
            let shown = FieldPath.excerpt(key)
            for spelled in Set([shown, normalised(shown), trimmed(shown)]) where !spelled.isEmpty {
                for candidate in [spelled, "." + spelled, "[\(spelled)]"] {
                    guard text.hasPrefix(candidate), candidate.count > best?.length ?? 0 else { continue }
                    let end = text.index(text.startIndex, offsetBy: candidate.count)
                    if isBoundary(end, of: text) { best = (key, candidate.count) }
                }
            }
        }
        return best.map { ($0.key, text.index(text.startIndex, offsetBy: $0.length)) }
    }

    private static func isBoundary(_ end: String.Index, of text: Substring) -> Bool {
        end == text.endIndex || text[end] == "." || text[end] == "["
    }

    /// What a key is compared with: the text without what precedes a key in it.
    private static func start(of text: Substring) -> [UInt8] {
        Array(text.utf8.drop { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") || $0 <= 0x20 }.prefix(64))
    }

    /// Whether it is worth spelling the key: rules out nearly every one by its first bytes, as there may be very many.
    private static func mayBegin(_ start: [UInt8], with key: String) -> Bool {
        var position = 0
        for byte in key.utf8 {
            if byte >= 0x80 || position == start.count { return true }
            // Leading white space and punctuation may be what `start` has dropped of the text.
            if position == 0, byte <= 0x20 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "[") { continue }
            let other = start[position]
            if byte <= 0x20 || other >= 0x80 { return true }
            let isLetter = UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
            guard byte == other || isLetter && byte | 0x20 == other else { return false }
            position += 1
        }
        return true
    }

    private static func trimmed(_ key: String) -> String {
        var rest = key[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return String(rest)
    }

    private static func normalised(_ key: String) -> String { trimmed(key).lowercased() }
}

extension JSONValue {
    /// The same document without what the steps lead to.
    func removing(_ steps: ArraySlice<DocumentStep>) -> JSONValue {
        guard let first = steps.first else { return self }
        let rest = steps.dropFirst()
        switch (self, first) {
        case (.object(var object), .member(let key)):
            if rest.isEmpty { object.removeValue(forKey: key) } else { object[key] = object[key]?.removing(rest) }
            return .object(object)
        case (.array(var elements), .element(let index)) where elements.indices.contains(index):
            if rest.isEmpty { elements.remove(at: index) } else { elements[index] = elements[index].removing(rest) }
            return .array(elements)
        default: return self
        }
    }
}
