package import JSON

/// One step down into a document.
package enum DocumentStep: Sendable, Equatable {
    case member(String)
    case element(Int)
}

/// Follows the paths of validation errors (`profiles[agent].runtime.tools[0]`) into the document they are about.
///
/// Errors spell keys normalised (trimmed, lower-case) and do not quote them, so each step takes the longest key there is
/// that fits the text; where none fits, the path ends at what encloses the culprit.
package enum DocumentPath {
    package static func steps(_ path: String, in root: JSONValue) -> (steps: [DocumentStep], isWhole: Bool) {
        var rest = path[...]
        var value = root
        var steps: [DocumentStep] = []
        while !rest.isEmpty {
            switch value {
            case .object(let object):
                guard let (key, length) = longestKey(in: object, matching: rest), let next = object[key] else {
                    return (steps, false)
                }
                steps.append(.member(key))
                value = next
                rest = rest.dropFirst(length)
            case .array(let elements):
                guard rest.first == "[", let end = rest.firstIndex(of: "]"),
                    let index = Int(rest[rest.index(after: rest.startIndex)..<end]), elements.indices.contains(index)
                else { return (steps, false) }
                steps.append(.element(index))
                value = elements[index]
                rest = rest[rest.index(after: end)...]
            default: return (steps, false)
            }
        }
        return (steps, true)
    }

    /// The longest key written at the start of `text` as `key`, `.key` or `[key]`, and how much of it that takes.
    private static func longestKey(in object: JSONObject, matching text: Substring) -> (key: String, length: Int)? {
        // Nearly always the key as it is, in brackets.
        if text.first == "[", let end = text.firstIndex(of: "]") {
            let key = String(text[text.index(after: text.startIndex)..<end])
            if object[key] != nil { return (key, key.count + 2) }
        }
        var best: (key: String, length: Int)?
        for key in object.keys {
            let shown = FieldPath.excerpt(key)
            for spelled in Set([shown, normalised(shown), trimmed(shown)]) where !spelled.isEmpty {
                for candidate in [spelled, "." + spelled, "[\(spelled)]"] {
                    guard text.hasPrefix(candidate), candidate.count > best?.length ?? 0 else { continue }
                    let next = text.dropFirst(candidate.count).first
                    if next == nil || next == "." || next == "[" { best = (key, candidate.count) }
                }
            }
        }
        return best
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
