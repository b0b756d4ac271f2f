import JSON

/// Collects, while layers merge, what each of them said about each path.
struct TraceRecorder {
    private var steps: [String: [Trace.Step]] = [:]

    mutating func record(_ path: String, _ value: JSONValue, by layer: String) {
        steps[path, default: []].append(Trace.Step(layer: layer, value: value))
    }

    mutating func record(setting section: String, _ field: String, _ value: JSONValue, by layer: String) {
        let shown = LiteralKeys.isCredential(field: field) && LiteralKeys.isLiteral(value)
        record(Self.path(ofSetting: section, field), shown ? .string(LiteralKeys.mask) : value, by: layer)
    }

    /// Records a declaration, or with nil that it is taken away.
    mutating func record(variable name: String, _ variable: PromptVariable?, by layer: String) {
        record(Self.path(ofVariable: name), variable?.document() ?? .null, by: layer)
    }

    /// Records what a layer did to the list: the uses it wrote, those that are no longer there, and the order if it
    /// became another one.
    mutating func record(
        middlewares before: [EffectiveMiddleware], become after: [EffectiveMiddleware], changed: [Int], by layer: String
    ) {
        let paths = Self.paths(of: after)
        let lower = Self.paths(of: before)
        if paths != lower { record(Self.orderPath, Self.order(of: after), by: layer) }
        for path in lower where !paths.contains(path) { record(path, .null, by: layer) }
        for position in changed { record(paths[position], after[position].document(), by: layer) }
    }

    /// Records the leaves of an extension, and the leaves below it that a scalar or null takes away.
    mutating func record(extension key: String, _ value: JSONValue, over lower: JSONValue?, by layer: String) {
        record(leaves: value, over: lower, at: "/extensions/\(JSONPointer.escaped(key))", by: layer)
    }

    private mutating func record(leaves value: JSONValue, over lower: JSONValue?, at path: String, by layer: String) {
        // An empty object over a filled one says nothing: objects merge.
        if value == [:], let below = lower?.objectValue, !below.isEmpty { return }
        guard case .object(let members) = value, !members.isEmpty else {
            if case .object(let below)? = lower, !below.isEmpty, value.objectValue == nil {
                removeLeaves(of: below, at: path, by: layer)
            }
            record(path, value, by: layer)
            return
        }
        // What was a leaf here becomes a branch: the leaf is gone.
        if let lower, lower.objectValue?.isEmpty ?? true { record(path, .null, by: layer) }
        for (key, member) in members {
            record(leaves: member, over: lower?[key], at: "\(path)/\(JSONPointer.escaped(key))", by: layer)
        }
    }

    private mutating func removeLeaves(of members: JSONObject, at path: String, by layer: String) {
        for (key, member) in members {
            let path = "\(path)/\(JSONPointer.escaped(key))"
            if case .object(let inner) = member, !inner.isEmpty {
                removeLeaves(of: inner, at: path, by: layer)
            } else {
                record(path, .null, by: layer)
            }
        }
    }

    mutating func record(policy: OverridePolicy, by layer: String) {
        for (field, value) in policy.document(always: false).objectValue ?? [:] {
            if field == "read_only", !policy.readOnly { continue }
            if field == "limits" {
                for (key, limit) in value.objectValue ?? [:] {
                    record("/policy/limits/\(JSONPointer.escaped(key))", limit, by: layer)
                }
            } else {
                record("/policy/\(field)", value, by: layer)
            }
        }
    }

    /// The finished trace: every path with the value it has in the effective runtime, null where nothing is left.
    func trace(of effective: EffectiveRuntime) -> Trace {
        let values = Self.values(of: effective)
        let entries = steps.keys.sorted { $0.precedesByBytes($1) }.map { path in
            Trace.Entry(path: path, value: values[path] ?? .null, steps: steps[path] ?? [])
        }
        return Trace(entries: entries)
    }

    static func path(ofSetting section: String, _ field: String) -> String {
        "/runtime/step_settings_patch/\(JSONPointer.escaped(section))/\(JSONPointer.escaped(field))"
    }

    static func path(ofVariable name: String) -> String { "/runtime/variables/\(JSONPointer.escaped(name))" }

    /// Where the order of the middlewares stands, by the keys of the paths below it.
    static let orderPath = "/runtime/middlewares"

    static func order(of uses: [EffectiveMiddleware]) -> JSONValue { .array(keys(of: uses).map(JSONValue.string)) }

    static func paths(of uses: [EffectiveMiddleware]) -> [String] {
        keys(of: uses).map { "\(orderPath)/\(JSONPointer.escaped($0))" }
    }

    /// One key per use: `name#id`, or the name alone; further uses of a name without ids are numbered from 1.
    private static func keys(of uses: [EffectiveMiddleware]) -> [String] {
        var unnamed: [String: Int] = [:]
        return uses.map { use in
            var key = use.name
            if let id = use.id {
                key += "#\(id)"
            } else {
                let count = unnamed[use.name, default: 0]
                unnamed[use.name] = count + 1
                if count > 0 { key += "[\(count)]" }
            }
            return key
        }
    }

    private static func values(of effective: EffectiveRuntime) -> [String: JSONValue] {
        let document = effective.document()
        var values: [String: JSONValue] = [
            "/runtime/system_prompt": document["system_prompt"] ?? .null,
            "/runtime/tools": document["tools"] ?? .null,
            orderPath: order(of: effective.middlewares),
        ]
        for entry in effective.variables {
            values[path(ofVariable: entry.name)] = entry.variable?.document() ?? .null
        }
        for (section, fields) in document["step_settings"]?.objectValue ?? [:] {
            for (field, value) in fields.objectValue ?? [:] { values[path(ofSetting: section, field)] = value }
        }
        for (path, use) in zip(paths(of: effective.middlewares), effective.middlewares) {
            values[path] = use.document()
        }
        for (key, value) in effective.extensions {
            addLeaves(of: value, at: "/extensions/\(JSONPointer.escaped(key))", to: &values)
        }
        for (field, value) in effective.policy.document(always: true).objectValue ?? [:] {
            values["/policy/\(field)"] = value
            if field == "limits" {
                for (key, limit) in value.objectValue ?? [:] {
                    values["/policy/limits/\(JSONPointer.escaped(key))"] = limit
                }
            }
        }
        return values
    }

    private static func addLeaves(of value: JSONValue, at path: String, to values: inout [String: JSONValue]) {
        guard case .object(let members) = value, !members.isEmpty else {
            values[path] = value
            return
        }
        for (key, member) in members { addLeaves(of: member, at: "\(path)/\(JSONPointer.escaped(key))", to: &values) }
    }
}
