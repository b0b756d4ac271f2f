internal import JSON

/// What `echo` reads of a request body.
struct EchoQuestion {
    struct Refusal: Error {
        let reason: String
        let param: String?
    }

    let model: String
    /// What it has to say.
    let report: String
    /// The tool it is made to call, if any.
    let forcedTool: String?
    let includesUsage: Bool
    let choices: Int
    let inputTokens: Int
    /// The same for equal requests.
    let id: String

    /// The largest `n`.
    private static let maximumChoices = 16

    init(_ body: [UInt8], showsSystemText: Bool) throws(Refusal) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: body)
        } catch {
            throw Refusal(reason: "the body is no JSON: \(error)", param: nil)
        }
        guard let object = document.objectValue else {
            throw Refusal(reason: "the body is no JSON object", param: nil)
        }
        guard let messages = object["messages"]?.arrayValue, !messages.isEmpty else {
            throw Refusal(reason: "`messages` must be a non-empty array", param: "messages")
        }
        let choices = object["n"]?.numberValue?.integral ?? 1
        guard (1...Int64(Self.maximumChoices)).contains(choices) else {
            throw Refusal(reason: "`n` must be between 1 and \(Self.maximumChoices)", param: "n")
        }
        self.choices = Int(choices)
        model = object["model"]?.stringValue ?? "echo"
        includesUsage = object["stream_options"]?["include_usage"]?.boolValue ?? false
        let tools = Self.toolNames(object)
        forcedTool = Self.forcedTool(object["tool_choice"], among: tools)
        inputTokens = TokenUsage.estimatedTokens(
            bytes: messages.reduce(0) { $0 + (Completion.text($1["content"]) ?? "").utf8.count })
        id = "chatcmpl-echo-" + String(Self.hash(body), radix: 16)
        report = Self.report(
            object, model: model, messages: messages, tools: tools, showsSystemText: showsSystemText)
    }

    private static func report(
        _ object: JSONObject, model: String, messages: [JSONValue], tools: [String], showsSystemText: Bool
    ) -> String {
        let user = messages.last { $0["role"]?.stringValue == "user" }
        var lines = ["echo: " + text(user?["content"]), "model: " + model]
        let system = messages.filter { ["system", "developer"].contains($0["role"]?.stringValue) }
        if !system.isEmpty {
            lines.append(
                "system: " + (showsSystemText ? system.map { text($0["content"]) }.joined(separator: "\n") : "(hidden)")
            )
        }
        if !tools.isEmpty { lines.append("tools: " + tools.joined(separator: ", ")) }
        lines.append("messages: \(messages.count)")
        var parameters = object
        for key in ["model", "messages", "tools", "functions", "stream"] { parameters[key] = nil }
        if !parameters.isEmpty {
            lines.append("parameters: " + String(decoding: JSONValue.object(parameters).canonical(), as: UTF8.self))
        }
        return lines.joined(separator: "\n")
    }

    /// A message's text; parts that are none are named.
    private static func text(_ content: JSONValue?) -> String {
        guard let parts = content?.arrayValue else { return content?.stringValue ?? "" }
        return parts.map { $0["text"]?.stringValue ?? "[\($0["type"]?.stringValue ?? "?")]" }.joined(separator: " ")
    }

    private static func toolNames(_ object: JSONObject) -> [String] {
        let tools = (object["tools"]?.arrayValue ?? []).compactMap { $0["function"]?["name"]?.stringValue }
        return tools + (object["functions"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }

    private static func forcedTool(_ choice: JSONValue?, among tools: [String]) -> String? {
        if choice?.stringValue == "required" { return tools.first }
        return choice?["function"]?["name"]?.stringValue.flatMap { tools.contains($0) ? $0 : nil }
    }

    /// FNV-1a: not for secrets, only to tell requests apart.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
