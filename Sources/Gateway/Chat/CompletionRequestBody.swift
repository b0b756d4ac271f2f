internal import JSON
internal import Profiles
internal import Upstreams

/// A client's chat-completions body: the members that select and decide, and the bytes of everything else.
struct CompletionRequestBody: Sendable {
    private let members: JSONMembers
    let model: String?
    let profile: String?
    let registry: String?
    let overrides: JSONObject?
    let isStreaming: Bool

    /// What goes to the upstream.
    struct Composed: Sendable {
        var bytes: [UInt8]
        var settings: OpenAISettings
        /// Members of the client that the policy drops (`X-Overrides-Ignored`).
        var ignored: [String]
    }

    /// The client's own sampling members and the override key they count as (`gateway.md §8`).
    static let samplingMembers: Set<String> = [
        "temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "stop", "presence_penalty",
        "frequency_penalty", "logit_bias", "reasoning_effort", "response_format", "parallel_tool_calls",
    ]

    /// Members that are ours and never go up.
    private static let ownMembers = [
        "profile", "registry", "overrides", "runtime_key", "registry_slug", "request_overrides",
    ]

    /// - Throws: `Problem` 400 for JSON that is none, a duplicate member, or a member of the wrong type.
    init(_ body: [UInt8]) throws {
        do throws(JSONError) {
            members = try JSONMembers(scanning: body)
        } catch {
            throw Problem.badRequest("bad request: \(error)", code: "invalid_json")
        }
        model = try Self.string("model", members)
        profile = try Self.aliased("profile", "runtime_key", members)
        registry = try Self.aliased("registry", "registry_slug", members)
        overrides = try Self.overrides(members)
        switch members["stream"]?.kind {
        case nil, .null: isStreaming = false
        case .bool: isStreaming = try members.value("stream")?.boolValue ?? false
        default: throw Self.wrongType("stream", "must be a boolean")
        }
        guard members["messages"]?.kind == .array else {
            throw Self.wrongType("messages", members["messages"] == nil ? "is missing" : "must be an array")
        }
    }

    /// The upstream's body: the profile's prompt first, its settings where the client has none, its tools.
    func compose(_ plan: ChatPlan) throws -> Composed {
        var splice = JSONSplice(members)
        for name in Self.ownMembers where members[name] != nil { splice.remove(name) }
        try insertPrompt(plan, &splice)
        try plan.tools.apply(to: &splice, members)

        let settings = try plan.settings(streams: nil, offersTools: members["tools"].map { $0.kind == .array } ?? false)
        let given = members.members.map(\.key).filter(Self.samplingMembers.contains)
        let ignored = try plan.judgeSampling(given)
        for name in ignored { splice.remove(name) }
        for (name, value) in settings.members {
            let isKept = name != "model" && members[name].map { $0.kind != .null } ?? false && !ignored.contains(name)
            if !isKept { splice.set(name, to: value) }
        }
        for name in settings.refusedMembers where members[name] != nil { splice.remove(name) }
        if settings.model == nil { splice.set("model", to: .string(plan.fallbackModel)) }
        return Composed(bytes: splice.bytes(), settings: settings, ignored: ignored)
    }

    /// The client's own system messages come after the profile's prompt.
    private func insertPrompt(_ plan: ChatPlan, _ splice: inout JSONSplice) throws {
        guard let message = plan.systemMessage, let messages = members["messages"] else { return }
        let start = messages.valueRange.lowerBound + 1
        let isEmpty = try members.elements(in: messages.valueRange).isEmpty
        splice.replace(start..<start, with: isEmpty ? message : message + [UInt8(ascii: ",")])
    }

    private static func string(_ name: String, _ members: JSONMembers) throws -> String? {
        switch members[name]?.kind {
        case nil, .null: return nil
        case .string: return try members.value(name)?.stringValue
        default: throw wrongType(name, "must be a string")
        }
    }

    private static func aliased(_ name: String, _ alias: String, _ members: JSONMembers) throws -> String? {
        let value = try string(name, members)
        let other = try string(alias, members)
        if let value, let other, value.trimmingBlanks != other.trimmingBlanks {
            throw Problem.badRequest("\(name) and \(alias) disagree", code: "selection_conflict", param: alias)
        }
        return value ?? other
    }

    private static func overrides(_ members: JSONMembers) throws -> JSONObject? {
        for name in ["overrides", "request_overrides"] {
            switch members[name]?.kind {
            case nil, .null: continue
            case .object: return try members.value(name)?.objectValue
            default: throw wrongType(name, "must be an object")
            }
        }
        return nil
    }

    private static func wrongType(_ name: String, _ reason: String) -> Problem {
        Problem.badRequest("bad request: \(name): \(reason)", code: "invalid_field", param: name)
    }
}
