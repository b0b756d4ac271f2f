package import JSON

/// A YAML value that knows where it stands, aliases followed and merge keys taken in.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(Scalar)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    package struct Scalar: Sendable {
        /// The text as a reader of the file sees it, quotes and escapes undone.
        package let text: String
        /// What it means by YAML 1.2's core schema, or by its tag.
        package let value: JSONValue
        /// Neither quoted nor tagged.
        package let isPlain: Bool
    }

    package struct Entry: Sendable {
        package let key: String
        package let keyLine: Int
        package let keyColumn: Int
        package let value: YAMLNode
    }

    package let content: Content
    /// Counted from 1.
    package let line: Int
    package let column: Int
    /// Where each key of a large mapping stands in it.
    private let positions: [String: Int]?

    /// - Parameter positions: of every key of a mapping; kept where looking for a key one by one would take long.
    package init(_ content: Content, line: Int, column: Int, positions: [String: Int]? = nil) {
        self.content = content
        self.line = line
        self.column = column
        self.positions = positions.flatMap { $0.count > Self.fewKeys ? $0 : nil }
    }

    private static let fewKeys = 8

    package subscript(key: String) -> YAMLNode? { entry(key)?.value }

    package func entry(_ key: String) -> Entry? {
        guard case .mapping(let entries) = content else { return nil }
        guard let positions else { return entries.first { $0.key == key } }
        return positions[key].map { entries[$0] }
    }

    /// The same value without its places.
    package var json: JSONValue {
        switch content {
        case .scalar(let scalar): return scalar.value
        case .sequence(let nodes): return .array(nodes.map(\.json))
        case .mapping(let entries):
            var object = JSONObject(minimumCapacity: entries.count)
            for entry in entries { object[entry.key] = entry.value.json }
            return .object(object)
        }
    }
}

/// Why a text is not acceptable YAML, and where.
package struct YAMLError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String
    /// Counted from 1.
    package let line: Int
    package let column: Int

    package init(_ reason: String, line: Int, column: Int) {
        self.reason = reason
        self.line = line
        self.column = column
    }

    package var description: String { "invalid YAML in line \(line), column \(column): \(reason)" }
}

/// What a YAML text may make of us at most.
package struct YAMLLimits: Sendable {
    package var depth: Int
    /// Values, every use of an alias counted: a short text can mean an immense tree ("billion laughs").
    package var values = 1_000_000
    /// Bytes of text in those values.
    package var bytes = 128 << 20

    package init(depth: Int = JSONValue.defaultMaximumDepth) { self.depth = depth }
}
