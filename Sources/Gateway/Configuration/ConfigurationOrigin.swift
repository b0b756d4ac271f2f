// Where a value came from, and what was wrong with it: the two things every message about configuration needs.

/// Where a value of the configuration came from.
package enum ConfigurationOrigin: Sendable, Hashable {
    case builtIn
    /// Line and column count from 1.
    case file(path: String, line: Int, column: Int)
    case environment(String)
    /// The long name, e.g. `--listen`.
    case flag(String)

    /// Strength of the source: flag > environment > file > default (`gateway.md §2`).
    var rank: Int {
        switch self {
        case .builtIn: 0
        case .file: 1
        case .environment: 2
        case .flag: 3
        }
    }
}

extension ConfigurationOrigin: CustomStringConvertible {
    /// As `config show` prints it and as messages begin.
    package var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .environment(let name): name
        case .flag(let name): name
        }
    }
}

/// One thing that is wrong with the configuration, or worth a warning.
package struct ConfigurationProblem: Error, Sendable, Hashable {
    package let origin: ConfigurationOrigin
    /// Dotted path of the setting, e.g. `upstreams.openai.base_url`; `nil` when the text could not be read at all.
    package let key: String?
    package let reason: String

    package init(at origin: ConfigurationOrigin, key: String?, _ reason: String) {
        self.origin = origin
        self.key = key
        self.reason = reason
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    /// `config/gateway.yaml:12:3: upstreams.openai.base_url: must …`
    package var description: String {
        guard let key else { return "\(origin): \(reason)" }
        return "\(origin): \(key): \(reason)"
    }
}

extension [ConfigurationProblem] {
    /// In reading order: the file from top to bottom, then environment, then flags; else as they were found.
    func sorted() -> [ConfigurationProblem] {
        enumerated().sorted { left, right in
            let (first, second) = (left.element.origin.readingOrder, right.element.origin.readingOrder)
            return first == second ? left.offset < right.offset : first < second
        }.map(\.element)
    }
}

extension ConfigurationOrigin {
    fileprivate var readingOrder: (Int, Int, Int) {
        if case .file(_, let line, let column) = self { return (rank, line, column) }
        return (rank, 0, 0)
    }
}

/// Everything that is wrong with the configuration, in reading order.
package struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]

    /// One problem per line.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }

    /// Whether the command line alone is to blame, which is a usage error (exit code 2).
    package var isUsageError: Bool {
        problems.allSatisfy { if case .flag = $0.origin { true } else { false } }
    }
}

/// Why one value is not acceptable; the reader of the setting adds where it stands.
package struct InvalidSetting: Error, Sendable, Hashable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}
