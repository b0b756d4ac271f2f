internal import Middlewares
internal import JSON
internal import Profiles
internal import Upstreams

/// A client's chat-completions body: the members that select and decide, and the bytes of everything else.
struct CompletionRequestBody: Sendable {
    private let members: JSONMembers
    /// What the body says about who is to answer, and how.
    let input: ChatInput
    let isStreaming: Bool

    /// Members that are ours and never go up; `prompt` is, too, when it is a reusable prompt.
    private static let ownMembers = [
        "profile", "registry", "overrides", "runtime_key", "registry_slug", "request_overrides", "prompt",
    ]

    /// - Throws: `Problem` 400 for JSON that is none, a duplicate member, or a member of the wrong type.
    init(_ body: [UInt8]) throws {
        let members: JSONMembers
        do throws(JSONError) {
            members = try JSONMembers(scanning: body)
        } catch {
            throw Problem(error)
        }
        self.members = members
        switch members["stream"]?.kind {
        case nil, .null: isStreaming = false
        case .bool: isStreaming = try members.value("stream")?.boolValue ?? false
        default: throw Self.wrongType("stream", "must be a boolean")
        }
        guard members["messages"]?.kind == .array else {
            throw Self.wrongType("messages", members["messages"] == nil ? "is missing" : "must be an array")
        }
        var input = ChatInput(
            sources: Selection.Sources(
                bodyProfile: try Self.aliased("profile", "runtime_key", members),
                bodyRegistry: try Self.aliased("registry", "registry_slug", members),
                model: try Self.string("model", members)))
        input.requested.overrides = try Self.overrides(members) ?? [:]
        input.requested.variablesPath = "prompt.variables"
        try Self.readPrompt(members, into: &input)
        for name in ClientField.names {
            if let value = try members.value(name) { input.sampling.append((name, value)) }
        }
        self.input = input
    }

    /// The upstream's body: the profile's prompt first, its settings, its tools; all other bytes as they came.
    ///
    /// With middlewares the prompt is left out: they may still change it.
    func compose(_ plan: ChatPlan) throws -> (bytes: [UInt8], settings: OpenAISettings) {
        var splice = JSONSplice(members)
        for name in Self.ownMembers where members[name] != nil { splice.remove(name) }
        if plan.middlewares.isEmpty { try insertPrompt(plan, &splice) }
        let offersTools = try plan.tools.apply(to: &splice, members)
        if plan.resolved.effective.policy.passUnknown == false { try refuseUnknown() }

        let settings = try plan.settings(streams: nil, offersTools: offersTools)
        let dropped = Set(plan.ignored).union(plan.superseded).union(settings.refusedMembers)
        for name in dropped where members[name] != nil { splice.remove(name) }
        for (name, value) in settings.members where !isClients(name, dropped) { splice.set(name, to: value) }
        if settings.model == nil { splice.set("model", to: .string(plan.fallbackModel)) }
        return (splice.bytes(), settings)
    }

    /// Whether the client's own member stands: what it says has been judged and is among the settings already.
    private func isClients(_ name: String, _ dropped: Set<String>) -> Bool {
        guard name != "model" else { return false }
        func stands(_ name: String) -> Bool {
            members[name].map { $0.kind != .null } ?? false && !dropped.contains(name)
        }
        // Two spellings of one setting: the client's is the one its upstream understands.
        switch name {
        case "max_tokens", "max_completion_tokens": return stands("max_tokens") || stands("max_completion_tokens")
        default: return stands(name)
        }
    }

    /// The client's own system messages come after the profile's prompt.
    private func insertPrompt(_ plan: ChatPlan, _ splice: inout JSONSplice) throws {
        guard let message = plan.systemMessage, let messages = members["messages"] else { return }
        let start = messages.valueRange.lowerBound + 1
        let isEmpty = try members.elements(in: messages.valueRange).isEmpty
        splice.replace(start..<start, with: isEmpty ? message : message + [UInt8(ascii: ",")])
    }

    /// `prompt: {"id": "registry/slug", "version": "3", "variables": {…}}` selects and fills placeholders.
    private static func readPrompt(_ members: JSONMembers, into input: inout ChatInput) throws {
        guard let prompt = members["prompt"], prompt.kind != .null else { return }
        guard prompt.kind == .object, let value = try members.value("prompt") else {
            throw wrongType("prompt", "must be an object with id, version and variables")
        }
        var reader = try ObjectReader(value, path: "prompt")
        guard let id = try reader.string("id")?.trimmingBlanks, !id.isEmpty else {
            throw wrongType("prompt.id", "is missing")
        }
        let version = try reader.string("version")
        input.requested.variables = try reader.object("variables") ?? [:]
        try reader.finish()
        if let profile = input.sources.bodyProfile, profile != id {
            throw Problem.badRequest("profile and prompt.id disagree", code: "selection_conflict", param: "prompt.id")
        }
        input.sources.prompt = version.map { "\(id)@\($0)" } ?? id
    }

    /// Members of OpenAI's interface; a policy with `pass_unknown: false` lets no others through.
    private static let knownMembers: Set<String> = [
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "metadata", "modalities", "model", "n", "parallel_tool_calls", "prediction",
        "presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed",
        "service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools",
        "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    ]

    private func refuseUnknown() throws(Problem) {
        for member in members.members
        where !Self.knownMembers.contains(member.key) && !Self.ownMembers.contains(member.key) {
            throw Problem.badRequest(
                "bad request: unknown field \(member.key.debugDescription), which the profile does not pass on",
                code: "invalid_field", param: member.key)
        }
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
        var found: JSONObject?
        for name in ["overrides", "request_overrides"] {
            switch members[name]?.kind {
            case nil, .null: continue
            case .object:
                let value = try members.value(name)?.objectValue
                if let found, found != value {
                    throw Problem.badRequest(
                        "overrides and request_overrides disagree", code: "selection_conflict", param: name)
                }
                found = value
            default: throw wrongType(name, "must be an object")
            }
        }
        return found
    }

    private static func wrongType(_ name: String, _ reason: String) -> Problem {
        Problem.badRequest("bad request: \(name): \(reason)", code: "invalid_field", param: name)
    }
}
