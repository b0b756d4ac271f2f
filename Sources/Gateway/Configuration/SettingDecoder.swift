// Reads typed values out of nodes. Nothing throws: a bad value is noted with its place and key, and reading goes on,
// so that the operator gets every problem at once. What was read is noted with its origin, for `config show`.

internal import JSON

/// Typed reading of configuration nodes; collects problems, warnings and origins.
struct SettingDecoder {
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []
    /// Dotted key → where its value came from; keys at their default are absent.
    private(set) var origins: [String: ConfigurationOrigin] = [:]
    let secretReader: SecretReader

    init(secretReader: SecretReader) {
        self.secretReader = secretReader
    }

    mutating func refuse(_ origin: ConfigurationOrigin, _ key: String?, _ reason: String) {
        problems.append(ConfigurationProblem(at: origin, key: key, reason))
    }

    mutating func refuse(_ problem: ConfigurationProblem) {
        problems.append(problem)
    }

    mutating func warn(_ origin: ConfigurationOrigin, _ key: String?, _ reason: String) {
        warnings.append(ConfigurationProblem(at: origin, key: key, reason))
    }

    mutating func note(_ key: String, from origin: ConfigurationOrigin) {
        origins[key] = origin
    }

    /// Any text. In a file, an unquoted number or boolean is refused: `display_name: 007` would lose its zeros.
    mutating func text(_ node: ConfigurationNode, _ key: String, allowEmpty: Bool = false) -> String? {
        note(key, from: node.origin)
        guard case .scalar(let scalar) = node.content else {
            refuse(node.origin, key, "must be text, not \(node.kindPhrase)")
            return nil
        }
        if case .file = node.origin, case .string = scalar.resolved {
        } else if case .file = node.origin {
            refuse(node.origin, key, "must be text, not \(node.kindPhrase); put it in quotes")
            return nil
        }
        if scalar.text.utf8.contains(0) {
            refuse(node.origin, key, "contains a NUL character")
            return nil
        }
        if scalar.text.isEmpty && !allowEmpty {
            refuse(node.origin, key, "must not be empty")
            return nil
        }
        return scalar.text
    }

    /// Text that a parser turns into a value.
    mutating func parsed<Value>(
        _ node: ConfigurationNode, _ key: String, _ parse: (String) throws(InvalidSetting) -> Value
    ) -> Value? {
        guard let text = text(node, key) else { return nil }
        do {
            return try parse(text)
        } catch {
            refuse(node.origin, key, error.reason)
            return nil
        }
    }

    /// A whole number within a range.
    mutating func integer(_ node: ConfigurationNode, _ key: String, in range: ClosedRange<Int>) -> Int? {
        note(key, from: node.origin)
        guard case .scalar(let scalar) = node.content, let number = scalar.integer else {
            refuse(node.origin, key, "must be a whole number, not \(node.kindPhrase)")
            return nil
        }
        guard range.contains(number) else {
            refuse(node.origin, key, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
            return nil
        }
        return number
    }

    mutating func bool(_ node: ConfigurationNode, _ key: String) -> Bool? {
        note(key, from: node.origin)
        guard case .scalar(let scalar) = node.content, case .bool(let value) = scalar.resolved else {
            refuse(node.origin, key, "must be true or false, not \(node.kindPhrase)")
            return nil
        }
        return value
    }

    /// A length of time with its unit: `500ms`, `30s`, `2m`, `1h`.
    mutating func duration(_ node: ConfigurationNode, _ key: String, in range: ClosedRange<Duration>) -> Duration? {
        measured(node, key, in: range, example: "500ms, 30s, 2m or 1h", parse: Units.duration, show: Units.text)
    }

    /// A number of bytes: `1048576`, `64KiB`, `1 MiB`, `1GiB`.
    mutating func bytes(_ node: ConfigurationNode, _ key: String, in range: ClosedRange<Int>) -> Int? {
        measured(node, key, in: range, example: "65536, 512KiB or 32MiB", parse: Units.bytes, show: Units.text)
    }

    private mutating func measured<Value: Comparable>(
        _ node: ConfigurationNode, _ key: String, in range: ClosedRange<Value>, example: String,
        parse: (String) -> Value?, show: (Value) -> String
    ) -> Value? {
        note(key, from: node.origin)
        guard case .scalar(let scalar) = node.content else {
            refuse(node.origin, key, "must be \(example), not \(node.kindPhrase)")
            return nil
        }
        guard let value = parse(scalar.text) else {
            refuse(node.origin, key, "must be a value with its unit such as \(example), not `\(scalar.text)`")
            return nil
        }
        guard range.contains(value) else {
            refuse(
                node.origin, key,
                "must be from \(show(range.lowerBound)) to \(show(range.upperBound)), not \(scalar.text)")
            return nil
        }
        return value
    }

    /// One of the raw values of an enumeration.
    mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ node: ConfigurationNode, _ key: String, _: Choice.Type
    ) -> Choice? {
        guard let text = text(node, key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        refuse(
            node.origin, key,
            "`\(text)` is unknown; must be one of \(known.joined(separator: ", "))"
                + Suggestion.phrase(for: text, among: known))
        return nil
    }

    /// A list; a single value counts as a list of one.
    mutating func list(_ node: ConfigurationNode, _ key: String) -> [ConfigurationNode] {
        note(key, from: node.origin)
        switch node.content {
        case .sequence(let nodes): return nodes
        case .scalar: return [node]
        case .mapping:
            refuse(node.origin, key, "must be a list, not a mapping")
            return []
        }
    }

    /// The members of a mapping whose keys are names the operator chose.
    mutating func members(_ node: ConfigurationNode, _ key: String) -> [ConfigurationNode.Entry] {
        note(key, from: node.origin)
        if node.isNull { return [] }
        guard case .mapping(let entries) = node.content else {
            refuse(node.origin, key, "must be a mapping, not \(node.kindPhrase)")
            return []
        }
        return entries
    }

    /// The members of a mapping whose keys are ours; an unknown one is refused. Members set to null count as absent.
    mutating func members(
        _ node: ConfigurationNode, _ key: String, known: [String]
    ) -> [String: ConfigurationNode] {
        var found: [String: ConfigurationNode] = [:]
        for entry in members(node, key) {
            guard known.contains(entry.key) else {
                refuse(
                    entry.keyOrigin, "\(key).\(entry.key)",
                    "unknown key" + Suggestion.phrase(for: entry.key, among: known))
                continue
            }
            if !entry.value.isNull { found[entry.key] = entry.value }
        }
        return found
    }

    /// `env:NAME` or `file:PATH`, fetched.
    mutating func secret(_ node: ConfigurationNode, _ key: String) -> Secret? {
        parsed(node, key, secretReader.secret)
    }
}

extension ConfigurationNode.Scalar {
    /// A plain whole number (an environment variable's text is plain too).
    var integer: Int? {
        guard case .number(let number) = resolved else { return nil }
        return Int(number.text)
    }
}
