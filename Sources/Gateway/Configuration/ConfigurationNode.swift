// A piece of configuration text as a tree in which every node knows where it stands. YAML files, environment
// variables and flags all become these, so that one decoder reads them all and can point at the culprit.

internal import JSON

/// A value with its origin, before anybody has looked at its meaning.
struct ConfigurationNode: Sendable {
    enum Content: Sendable {
        case scalar(Scalar)
        case sequence([ConfigurationNode])
        case mapping([Entry])
    }

    /// Text of one value. `isPlain` = not quoted: only then can it mean null, a boolean or a number.
    struct Scalar: Sendable {
        let text: String
        let isPlain: Bool
    }

    struct Entry: Sendable {
        let key: String
        let keyOrigin: ConfigurationOrigin
        let value: ConfigurationNode
    }

    let content: Content
    let origin: ConfigurationOrigin

    /// A value given as bare text by a flag or an environment variable.
    init(text: String, origin: ConfigurationOrigin) {
        self.init(content: .scalar(Scalar(text: text, isPlain: true)), origin: origin)
    }

    init(content: Content, origin: ConfigurationOrigin) {
        self.content = content
        self.origin = origin
    }

    /// Whether this is YAML's null: nothing at all, `~` or `null`, unquoted.
    var isNull: Bool {
        guard case .scalar(let scalar) = content, scalar.isPlain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
    }

    /// The members of a mapping; none of anything else.
    var entries: [Entry] {
        if case .mapping(let entries) = content { entries } else { [] }
    }

    /// Whether its members can be read; a null has none.
    var isMappingOrNull: Bool {
        if case .mapping = content { true } else { isNull }
    }

    /// Whether it is one value whose text ends so.
    func hasText(endingIn suffix: String) -> Bool {
        if case .scalar(let scalar) = content { scalar.text.hasSuffix(suffix) } else { false }
    }

    /// Whether `env:<name>` stands anywhere in it.
    func refers(to name: String) -> Bool {
        switch content {
        case .scalar(let scalar): scalar.text == "env:\(name)"
        case .sequence(let nodes): nodes.contains { $0.refers(to: name) }
        case .mapping(let entries): entries.contains { $0.value.refers(to: name) }
        }
    }

    /// What it is, for "must be a list, not a mapping".
    var kindPhrase: String {
        switch content {
        case .mapping: return "a mapping"
        case .sequence: return "a list"
        case .scalar(let scalar):
            switch scalar.resolved {
            case .null: return "null"
            case .bool: return "a boolean"
            case .number: return "a number"
            default: return "text"
            }
        }
    }

    /// The same value without its places.
    var json: JSONValue {
        switch content {
        case .scalar(let scalar):
            return scalar.resolved
        case .sequence(let nodes):
            return .array(nodes.map(\.json))
        case .mapping(let entries):
            var object = JSONObject(minimumCapacity: entries.count)
            for entry in entries {
                object[entry.key] = entry.value.json
            }
            return .object(object)
        }
    }
}

extension ConfigurationNode.Scalar {
    /// YAML 1.2's core schema, and nothing cleverer: `no`, `on`, `1:30` and dates are text; numbers keep their digits.
    var resolved: JSONValue {
        guard isPlain else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default:
            if let number = JSONNumber(parsing: text) { return .number(number) }
            return .string(text)
        }
    }
}
