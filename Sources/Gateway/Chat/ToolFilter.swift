internal import JSON
internal import Profiles

/// Which tools an upstream is offered: the client's, as far as the profile lists them, and the operator's that it lists
/// (`gateway.md §7`, `§8`).
struct ToolFilter: Sendable {
    /// The profile's list; nil = no restriction, empty = none.
    let allowed: [String]?
    /// The operator's definitions by name, as OpenAI tool objects.
    let catalogue: ToolCatalogue

    /// Takes out of a client's body what the profile does not list, and adds what it lists and the operator defines.
    ///
    /// - Returns: whether the body then offers tools.
    /// - Throws: `JSONError` cannot happen after the scan; `Problem` 400 for `tools` that is no array, and for a
    ///   `tool_choice` or `function_call` that demands a tool the profile refuses.
    func apply(to splice: inout JSONSplice, _ members: JSONMembers) throws -> Bool {
        guard let allowed else {
            guard let tools = members["tools"], tools.kind == .array else { return false }
            return try !members.elements(in: tools.valueRange).isEmpty
        }
        let names = Set(allowed)
        let offered = try clientTools(members, names)
        let known = Set(offered.names)
        let added = Self.once(allowed).compactMap { known.contains($0) ? nil : catalogue[$0] }
        let tools = offered.bytes + added
        if tools.isEmpty {
            splice.remove("tools")
            try removeChoice(from: &splice, members)
        } else {
            splice.set("tools", to: Self.array(tools))
            try checkChoice(members, names)
        }
        try filterFunctions(&splice, members, names)
        return !tools.isEmpty
    }

    /// The operator's tools a profile offers where the client has no list of its own (`POST /chat`).
    func offeredByProfile() -> [JSONValue] {
        Self.once(allowed ?? catalogue.names).compactMap { catalogue.definition($0) }
    }

    /// The names without repetitions, each in its first place.
    private static func once(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    private func clientTools(
        _ members: JSONMembers, _ names: Set<String>
    ) throws -> (bytes: [[UInt8]], names: [String]) {
        guard let tools = members["tools"], tools.kind != .null else { return ([], []) }
        guard tools.kind == .array else {
            throw Problem.badRequest("tools must be an array", code: "invalid_field", param: "tools")
        }
        var kept: [[UInt8]] = []
        var keptNames: [String] = []
        for element in try members.elements(in: tools.valueRange) {
            let tool = try members.value(at: element.range)
            guard let name = Self.name(of: tool), names.contains(name) else { continue }
            kept.append(Array(members.bytes[element.range]))
            keptNames.append(name)
        }
        return (kept, keptNames)
    }

    private func filterFunctions(_ splice: inout JSONSplice, _ members: JSONMembers, _ names: Set<String>) throws {
        if let name = try members.value("function_call")?["name"]?.stringValue, !names.contains(name) {
            throw Self.refused(name, by: "function_call")
        }
        guard let functions = members["functions"], functions.kind == .array else { return }
        let kept = try members.elements(in: functions.valueRange).filter { element in
            try members.value(at: element.range)["name"]?.stringValue.map(names.contains) ?? false
        }
        if kept.isEmpty {
            splice.remove("functions")
            splice.remove("function_call")
        } else {
            splice.set("functions", to: Self.array(kept.map { Array(members.bytes[$0.range]) }))
        }
    }

    private func removeChoice(from splice: inout JSONSplice, _ members: JSONMembers) throws {
        try checkChoice(members, [])
        splice.remove("tool_choice")
        splice.remove("parallel_tool_calls")
    }

    private func checkChoice(_ members: JSONMembers, _ names: Set<String>) throws {
        guard let choice = try members.value("tool_choice"), choice.objectValue != nil else { return }
        for name in Self.demandedTools(choice) where !names.contains(name) { throw Self.refused(name) }
    }

    /// The name that a profile lists a tool by: its own, or the type of one that a provider has built in.
    ///
    /// Only the type decides where the name stands: a name put elsewhere is not what the provider looks at.
    private static func name(of tool: JSONValue) -> String? {
        switch tool["type"]?.stringValue {
        case nil: tool["function"]?["name"]?.stringValue
        case let type? where type == "function" || type == "custom":
            tool[type]?["name"]?.stringValue ?? tool["name"]?.stringValue
        case let type?: type
        }
    }

    /// The tools that a `tool_choice` names: one, or those it narrows the list to.
    private static func demandedTools(_ choice: JSONValue) -> [String] {
        guard choice["type"] == "allowed_tools" else { return name(of: choice).map { [$0] } ?? [] }
        let allowed = choice["allowed_tools"]?["tools"] ?? choice["tools"]
        return allowed?.arrayValue?.compactMap(name) ?? []
    }

    private static func refused(_ name: String, by member: String = "tool_choice") -> Problem {
        Problem.badRequest(
            "\(member) demands the tool \(name.debugDescription), which the profile does not offer",
            code: "tool_not_offered", param: member)
    }

    private static func array(_ elements: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }
}

/// The operator's tools (`tools:` of the configuration) as OpenAI function objects, encoded once.
struct ToolCatalogue: Sendable {
    let names: [String]
    private let definitions: [String: (value: JSONValue, bytes: [UInt8])]

    init(_ tools: [ToolDefinition]) {
        names = tools.map(\.name)
        var definitions: [String: (value: JSONValue, bytes: [UInt8])] = [:]
        for tool in tools {
            var function: JSONObject = ["name": .string(tool.name)]
            if let description = tool.description { function["description"] = .string(description) }
            if let parameters = tool.parameters { function["parameters"] = .object(parameters) }
            let value: JSONValue = ["type": "function", "function": .object(function)]
            definitions[tool.name] = (value, value.encoded())
        }
        self.definitions = definitions
    }

    /// The encoded definition.
    subscript(name: String) -> [UInt8]? { definitions[name]?.bytes }

    func definition(_ name: String) -> JSONValue? { definitions[name]?.value }
}
