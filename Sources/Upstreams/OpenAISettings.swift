package import HTTPClient
package import JSON

/// A profile's step settings as an OpenAI-compatible request has them (origin, section 7).
///
/// `members` are the top-level members of the body, to be written into a new body or spliced into a client's.
/// Values of `ai-inference` come before those of `ai-chat`; numbers keep their spelling, zero is sent. Fields of a wrong
/// type are left out and named in `warnings`: writes are checked elsewhere, so these come from a file. `POST
/// /api/chat/resolve` shows the warnings, the log has them.
package struct OpenAISettings: Sendable {
    /// In the order they are written.
    package private(set) var members: [(key: String, value: JSONValue)] = []
    /// `ai-engine`; `nil` if no layer sets one.
    package let model: String?
    /// What a model of this kind refuses, so a client's own member of that name has no business in the body either.
    package let refusedMembers: Set<String>
    /// `ai-client.organization` and `user-agent`, as headers.
    package private(set) var headers: [(name: String, value: String)] = []
    package private(set) var warnings: [String] = []

    private let settings: JSONObject
    private let isReasoningModel: Bool

    /// - Parameters:
    ///   - settings: section → field → value.
    ///   - streams: whether `stream` and `stream_options` are set; `nil` leaves both to the client.
    ///   - offersTools: whether the body carries tools (`parallel_tool_calls` is refused without).
    /// - Throws: `FieldError` when the structured-output schema is invalid and `ai-structured-output-require-valid` is on.
    package init(_ settings: JSONObject, streams: Bool? = nil, offersTools: Bool = false) throws(FieldError) {
        self.settings = settings
        let engine = settings["ai-chat"]?["ai-engine"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        model = engine
        isReasoningModel = Self.isReasoningModel(engine ?? "")
        refusedMembers = isReasoningModel ? Self.refusedByReasoningModels : []
        if let engine { members.append(("model", .string(engine))) }
        addSampling()
        if offersTools { add("parallel_tool_calls", .flag, ("openai-chat", "openai-parallel-tool-calls")) }
        try addResponseFormat()
        if let streams { addStreaming(streams) }
        addHeaders()
    }

    /// Engines that reason: they take `max_completion_tokens` and no sampling parameters.
    package static func isReasoningModel(_ engine: String) -> Bool {
        ["o1", "o3", "o4", "gpt-5"].contains { engine.hasPrefix($0) }
    }

    private static let refusedByReasoningModels: Set<String> = [
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "max_tokens", "n",
    ]

    // MARK: sampling

    private mutating func addSampling() {
        let limit = isReasoningModel ? "max_completion_tokens" : "max_tokens"
        add(limit, .integer, ("ai-inference", "inference-max-response-tokens"), ("ai-chat", "ai-max-response-tokens"))
        add("temperature", .number, ("ai-inference", "inference-temperature"), ("ai-chat", "ai-temperature"))
        add("top_p", .number, ("ai-inference", "inference-top-p"), ("ai-chat", "ai-top-p"))
        add("stop", .strings, ("ai-inference", "inference-stop"), ("ai-chat", "ai-stop"))
        add("n", .integer, ("openai-chat", "openai-n"))
        add("presence_penalty", .number, ("openai-chat", "openai-presence-penalty"))
        add("frequency_penalty", .number, ("openai-chat", "openai-frequency-penalty"))
        add("logit_bias", .biases, ("openai-chat", "openai-logit-bias"))
        add("seed", .integer, ("ai-inference", "inference-seed"))
        if isReasoningModel {
            add(
                "reasoning_effort", .text, ("ai-inference", "inference-reasoning-effort"),
                ("openai-chat", "openai-reasoning-effort"))
        }
    }

    /// Adds the first of `fields` that is set.
    private mutating func add(_ key: String, _ shape: Shape, _ fields: (section: String, name: String)...) {
        guard !refusedMembers.contains(key) else { return }
        for field in fields {
            guard let value = settings[field.section]?[field.name], !value.isNull else { continue }
            switch shape.read(value) {
            case .value(let value): members.append((key, value))
            case .nothing: break
            case .wrong: warnings.append("\(field.section).\(field.name) is no \(shape.rawValue) and is left out")
            }
            return
        }
    }

    /// What a field's value must be.
    private enum Shape: String {
        case integer
        case number
        case flag = "boolean"
        case text = "string"
        case strings = "list of strings"
        case biases = "map of numbers"

        enum Reading {
            case value(JSONValue)
            /// Empty, which means "not set".
            case nothing
            case wrong
        }

        func read(_ value: JSONValue) -> Reading {
            switch self {
            case .integer: return value.numberValue?.integral == nil ? .wrong : .value(value)
            case .number: return value.numberValue == nil ? .wrong : .value(value)
            case .flag: return value.boolValue == nil ? .wrong : .value(value)
            case .text:
                guard let text = value.stringValue else { return .wrong }
                return text.isEmpty ? .nothing : .value(value)
            case .strings:
                guard let list = value.arrayValue, list.allSatisfy({ $0.stringValue != nil }) else { return .wrong }
                return list.isEmpty ? .nothing : .value(value)
            case .biases: return Self.biases(value)
            }
        }

        /// The setting is a map of strings (that is what a flag can hold); the wire wants numbers.
        private static func biases(_ value: JSONValue) -> Reading {
            guard let map = value.objectValue else { return .wrong }
            var biases = JSONObject()
            for (token, bias) in map {
                guard let number = bias.numberValue ?? bias.stringValue.flatMap({ JSONNumber(parsing: $0) }) else {
                    return .wrong
                }
                biases[token] = .number(number)
            }
            return biases.isEmpty ? .nothing : .value(.object(biases))
        }
    }

    // MARK: the rest

    private mutating func addResponseFormat() throws(FieldError) {
        let section = settings["ai-chat"]
        guard section?["ai-structured-output-mode"]?.stringValue == "json_schema" else { return }
        let path = "ai-chat.ai-structured-output-schema"
        let text = section?["ai-structured-output-schema"]?.stringValue ?? ""
        guard let schema = try? JSONValue(parsing: text), schema.objectValue != nil else {
            guard section?["ai-structured-output-require-valid"]?.boolValue != true else {
                throw FieldError(path: path, reason: "must be a JSON object, as text")
            }
            warnings.append("\(path) is no JSON object and is left out")
            return
        }
        let name = section?["ai-structured-output-name"]?.stringValue ?? ""
        var format: JSONObject = ["name": .string(name.isEmpty ? "output" : name)]
        if let description = section?["ai-structured-output-description"]?.stringValue, !description.isEmpty {
            format["description"] = .string(description)
        }
        format["schema"] = schema
        format["strict"] = .bool(section?["ai-structured-output-strict"]?.boolValue ?? true)
        members.append(("response_format", ["type": "json_schema", "json_schema": .object(format)]))
    }

    private mutating func addStreaming(_ streams: Bool) {
        guard streams else { return }
        members.append(("stream", true))
        let wantsUsage = settings["openai-chat"]?["openai-stream-include-usage"]?.boolValue ?? true
        // Mistral's servers refuse the member.
        guard wantsUsage, model?.lowercased().contains("mistral") != true else { return }
        members.append(("stream_options", ["include_usage": true]))
    }

    private mutating func addHeaders() {
        let client = settings["ai-client"]
        for (field, header) in [("organization", "OpenAI-Organization"), ("user-agent", "User-Agent")] {
            guard let value = client?[field]?.stringValue, !value.isEmpty else { continue }
            guard (try? RequestHeaders([(header, value)])) != nil else {
                warnings.append("ai-client.\(field) cannot be sent as a header and is left out")
                continue
            }
            headers.append((header, value))
        }
    }
}

extension TransferTimeouts {
    /// These timeouts as a profile's settings change them: `gateway.timeout-ms` or `ai-client.timeout` (seconds) for the
    /// whole, `gateway.first-byte-timeout-ms` for the first byte. Values that are no positive integer change nothing.
    package func applying(_ settings: JSONObject) -> TransferTimeouts {
        func positive(_ section: String, _ field: String) -> Int64? {
            settings[section]?[field]?.numberValue?.integral.flatMap { $0 > 0 ? $0 : nil }
        }
        var timeouts = self
        if let milliseconds = positive("gateway", "timeout-ms") {
            timeouts.total = .milliseconds(milliseconds)
        } else if let seconds = positive("ai-client", "timeout") {
            timeouts.total = .seconds(seconds)
        }
        if let milliseconds = positive("gateway", "first-byte-timeout-ms") {
            timeouts.firstByte = .milliseconds(milliseconds)
        }
        return timeouts
    }
}
