// YAML text → ConfigurationNode. Yams composes (not decodes) so that every node keeps its mark, and its own tag
// resolution is left alone: it is regular expressions over YAML 1.1, where `no` is a boolean and `1:30` a number.
// Yams stops at the first syntax error or duplicate key, so such an error is reported alone.

internal import Yams

/// Reader of YAML documents with places.
enum YAMLText {
    /// Aliases can make a short text mean an immense tree; ours never needs this many nodes.
    private static let maximumNodes = 100_000

    /// Reads one document; an empty text is an empty mapping.
    ///
    /// `place` turns a line and column (from 1) into the origin that messages name.
    static func parse(
        _ text: String, place: (Int, Int) -> ConfigurationOrigin
    ) throws(ConfigurationProblem) -> ConfigurationNode {
        let root: Node?
        do {
            // `.utf8` by name: the default would consult the environment variable YAMS_DEFAULT_ENCODING.
            root = try Parser(yaml: heapAllocated(text), resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw problem(error, in: text, place: place)
        } catch {
            throw ConfigurationProblem(at: place(1, 1), key: nil, "cannot be read as YAML: \(error)")
        }
        guard let root else { return ConfigurationNode(content: .mapping([]), origin: place(1, 1)) }
        var budget = maximumNodes
        return try convert(root, place: place, budget: &budget)
    }

    /// The text in storage that does not move: Yams 6.2 keeps a pointer to the UTF-8 bytes beyond the closure it got
    /// them in, which is good for a string on the heap and dangles for one of up to 15 bytes, which lives inline.
    private static func heapAllocated(_ text: String) -> String {
        var padded = text
        padded.makeContiguousUTF8()
        if padded.utf8.count < 32 { padded += String(repeating: "\n", count: 32) }
        return padded
    }

    private static func convert(
        _ node: Node, place: (Int, Int) -> ConfigurationOrigin, budget: inout Int
    ) throws(ConfigurationProblem) -> ConfigurationNode {
        let origin = place(node.mark?.line ?? 1, node.mark?.column ?? 1)
        budget -= 1
        if budget < 0 {
            throw ConfigurationProblem(at: origin, key: nil, "has more than \(maximumNodes) values (aliases counted)")
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            return ConfigurationNode(
                content: .scalar(.init(text: scalar.string, isPlain: isPlain)), origin: origin)
        case .sequence(let sequence):
            var nodes: [ConfigurationNode] = []
            for element in sequence {
                nodes.append(try convert(element, place: place, budget: &budget))
            }
            return ConfigurationNode(content: .sequence(nodes), origin: origin)
        case .mapping(let mapping):
            var entries: [ConfigurationNode.Entry] = []
            var seen: Set<String> = []
            for (key, value) in mapping {
                let keyOrigin = place(key.mark?.line ?? 1, key.mark?.column ?? 1)
                guard case .scalar(let name) = key else {
                    throw ConfigurationProblem(at: keyOrigin, key: nil, "a key must be text")
                }
                guard seen.insert(name.string).inserted else {
                    throw ConfigurationProblem(at: keyOrigin, key: name.string, "is given more than once")
                }
                let converted = try convert(value, place: place, budget: &budget)
                entries.append(.init(key: name.string, keyOrigin: keyOrigin, value: converted))
            }
            return ConfigurationNode(content: .mapping(entries), origin: origin)
        case .alias:
            throw ConfigurationProblem(at: origin, key: nil, "an alias points to nothing")
        }
    }

    private static func problem(
        _ error: YamlError, in text: String, place: (Int, Int) -> ConfigurationOrigin
    ) -> ConfigurationProblem {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let surroundings = context.map { " (\($0.text.trimmingBlanks))" } ?? ""
            return ConfigurationProblem(
                at: place(mark.line, mark.column), key: nil, "is no valid YAML: \(problem)\(surroundings)")
        case .duplicatedKeysInMapping(let keys, let context):
            let first = context.mark
            let again = secondPlace(of: keys.first ?? "", after: first, in: text) ?? first.line
            return ConfigurationProblem(
                at: place(again, first.column), key: keys.joined(separator: ", "),
                "is given more than once in the same mapping, first in line \(first.line)")
        case .reader(let problem, _, _, _):
            return ConfigurationProblem(at: place(1, 1), key: nil, "is no valid YAML: \(problem)")
        default:
            return ConfigurationProblem(at: place(1, 1), key: nil, "cannot be read as YAML: \(error)")
        }
    }

    /// Line of a key's repetition; Yams tells the first place only. Found for mappings with a key per line, whose
    /// keys stand in one column.
    private static func secondPlace(of key: String, after first: Mark, in text: String) -> Int? {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated().dropFirst(first.line) {
            let indent = line.prefix { $0 == " " }.count
            if indent + 1 == first.column, line.dropFirst(indent).hasPrefix(key + ":") { return index + 1 }
        }
        return nil
    }
}
