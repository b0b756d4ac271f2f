package import JSON

/// Finds every problem of a document with a decoder that stops at the first.
///
/// What a problem is about is taken out and the rest is decoded again, until nothing is wrong or nothing can be taken
/// out. An element taken out of a list shifts those behind it; the paths reported are those of the original.
package struct ProblemPeeler {
    /// How many problems of one document are worth finding.
    package static let maximumProblems = 100

    /// Values that all passes together may go through, unless these are very few passes.
    private static let maximumValues = 400_000
    private static let fewestPasses = 10

    private var document: JSONValue
    /// Path of a list → the original positions of what is left in it.
    private var remaining: [String: [Int]] = [:]
    private(set) var problems: [ValidationError] = []

    /// - Parameter prefix: what the decoder's paths have in front of the document's own members.
    /// - Parameter limit: how many problems are looked for at most; at least the first is always told. Of a document of
    ///   many thousand values fewer are found, as each takes another pass through it.
    package static func decode<Value>(
        _ document: JSONValue, prefix: String = "", limit: Int = maximumProblems,
        _ decode: (JSONValue) throws(ValidationError) -> Value
    ) -> (value: Value?, problems: [ValidationError]) {
        var peeler = ProblemPeeler(document: document)
        var affordable: Int?
        while true {
            do throws(ValidationError) {
                return (try decode(peeler.document), peeler.problems)
            } catch {
                // Not every pass finds a problem to be told: a repetition is taken out in silence.
                let passes = affordable ?? max(fewestPasses, maximumValues / document.valueCount)
                affordable = passes - 1
                guard passes > 0, peeler.problems.count < limit, peeler.peel(error, prefix: prefix) else {
                    return (nil, peeler.problems.isEmpty ? [error] : peeler.problems)
                }
            }
        }
    }

    private init(document: JSONValue) {
        self.document = document
    }

    /// Notes the problem and takes its subject out; false when that cannot be done.
    private mutating func peel(_ error: ValidationError, prefix: String) -> Bool {
        let head = error.field.hasPrefix(prefix) ? prefix : ""
        let path = String(error.field.dropFirst(head.count))
        let (steps, _) = DocumentPath.steps(path, in: document)
        let original = head + originalPath(path)
        // Positions named in the text would be those after something was taken out.
        let isShifted = original != error.field || !remaining.isEmpty && error.reason.contains("(first seen at")
        let isKnown = problems.contains { $0.field == original }
        if !isKnown && !(isShifted && error.reason.contains("(first seen at")) {
            problems.append(ValidationError(field: original, reason: error.reason, phrase: error.phrase))
        }
        var target = steps
        // A list's element goes as a whole: without one of its members it would be wrong in another way.
        if let element = steps.firstIndex(where: { if case .element = $0 { true } else { false } }) {
            target = Array(steps[...element])
            if steps[element - 1] == .member("middlewares") && hasPositionalSlots(steps[..<(element - 1)]) {
                // What configures a use by its position would come to configure another.
                target.removeLast()
            }
        }
        guard !target.isEmpty, !(isKnown && target.count < 2) else { return false }
        if case .element(let index) = target[target.count - 1] { forget(index, of: target.dropLast()) }
        let before = document
        document = document.removing(target[...])
        return document != before
    }

    /// Whether the profile whose runtime the steps lead to keeps configurations in slots such as `index:1`.
    private func hasPositionalSlots(_ runtime: ArraySlice<DocumentStep>) -> Bool {
        let extensions = value(at: runtime.dropLast())?["extensions"]?.objectValue ?? [:]
        return extensions.contains { entry in
            entry.value["instances"]?.objectValue?.keys.contains { $0.hasPrefix("index:") } ?? false
        }
    }

    private mutating func forget(_ index: Int, of list: ArraySlice<DocumentStep>) {
        let name = Self.name(list)
        var positions = remaining[name] ?? Array(0..<(value(at: list)?.arrayValue?.count ?? 0))
        if positions.indices.contains(index) { positions.remove(at: index) }
        remaining[name] = positions
    }

    private func value(at steps: ArraySlice<DocumentStep>) -> JSONValue? {
        var value: JSONValue? = document
        for step in steps {
            switch step {
            case .member(let key): value = value?[key]
            case .element(let index): value = value?[index]
            }
        }
        return value
    }

    /// The path with the list positions of the document as it was given.
    private func originalPath(_ path: String) -> String {
        let (steps, _) = DocumentPath.steps(path, in: document)
        guard let element = steps.firstIndex(where: { if case .element = $0 { true } else { false } }),
            case .element(let index) = steps[element],
            let positions = remaining[Self.name(steps[..<element])], positions.indices.contains(index),
            positions[index] != index, let place = path.range(of: "[\(index)]")
        else { return path }
        return path.replacingCharacters(in: place, with: "[\(positions[index])]")
    }

    private static func name(_ steps: ArraySlice<DocumentStep>) -> String {
        steps.map { if case .member(let key) = $0 { key } else { "#" } }.joined(separator: "/")
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }

    fileprivate func replacingCharacters(in place: Range<String.Index>, with text: String) -> String {
        self[..<place.lowerBound] + text + self[place.upperBound...]
    }
}

extension JSONValue {
    /// The value itself and all that is in it.
    fileprivate var valueCount: Int {
        switch self {
        case .array(let elements): elements.reduce(1) { $0 + $1.valueCount }
        case .object(let members): members.reduce(1) { $0 + $1.value.valueCount }
        default: 1
        }
    }
}
