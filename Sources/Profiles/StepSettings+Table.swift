import JSON

/// The table itself: origin 7, and section `gateway` of `gateway.md §7`.
extension StepSettings {
    static let declared: [StepSetting] =
        aiChat + aiClient + openAIChat + claudeChat + geminiChat + inference + embeddings + gateway

    private static let anyInteger = Int64.min...Int64.max
    private static let counts: ClosedRange<Int64> = 0...Int64.max
    private static let positive: ClosedRange<Int64> = 1...Int64.max
    private static let milliseconds: ClosedRange<Int64> = 1...3_600_000
    private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"]

    private static func settings(
        _ section: String, _ fields: [(String, StepSetting.Kind, JSONValue?)]
    ) -> [StepSetting] {
        fields.map { StepSetting(section: section, field: $0.0, kind: $0.1, default: $0.2) }
    }

    private static let aiChat = settings(
        "ai-chat",
        [
            ("ai-engine", .string, "gpt-4"),
            (
                "ai-api-type",
                .choice([
                    "openai", "openai-responses", "claude", "anthropic", "gemini", "anyscale", "fireworks", "echo",
                ]), "openai"
            ),
            ("ai-max-response-tokens", .integer(positive), nil),
            ("ai-top-p", .number(0...1), decimal("1.0")),
            ("ai-temperature", .number(0...2), decimal("0.7")),
            ("ai-stop", .strings, []),
            ("ai-cache-type", .choice(["none", "memory", "disk"]), "none"),
            ("ai-cache-max-size", .integer(counts), 1_073_741_824),
            ("ai-cache-max-entries", .integer(counts), 1000),
            ("ai-cache-directory", .string, ""),
            ("ai-structured-output-mode", .choice(["off", "json_schema"]), "off"),
            ("ai-structured-output-name", .string, ""),
            ("ai-structured-output-description", .string, ""),
            ("ai-structured-output-schema", .jsonText, ""),
            ("ai-structured-output-strict", .boolean, true),
            ("ai-structured-output-require-valid", .boolean, false),
        ])

    private static let aiClient = settings(
        "ai-client",
        [
            ("timeout", .integer(1...3600), 60), ("organization", .string, ""), ("user-agent", .string, nil),
        ])

    private static let openAIChat = settings(
        "openai-chat",
        [
            ("openai-n", .integer(1...128), 1),
            ("openai-presence-penalty", .number(-2...2), 0),
            ("openai-frequency-penalty", .number(-2...2), 0),
            ("openai-logit-bias", .numbersByKey, [:]),
            ("openai-base-url", .baseURL, nil),
            ("openai-api-key", .credential, ""),
            ("openai-reasoning-effort", .choice(efforts), "medium"),
            ("openai-parallel-tool-calls", .boolean, false),
            ("openai-reasoning-summary", .choice(["", "auto"]), "auto"),
            ("openai-include-reasoning-encrypted", .boolean, false),
            ("openai-stream-include-usage", .boolean, true),
        ])

    private static let claudeChat = settings(
        "claude-chat",
        [
            ("claude-top-k", .integer(counts), 1), ("claude-user-id", .string, ""),
            ("claude-base-url", .baseURL, nil), ("claude-api-key", .credential, ""),
        ])

    private static let geminiChat = settings(
        "gemini-chat",
        [("gemini-base-url", .baseURL, nil), ("gemini-api-key", .credential, "")])

    private static let inference = settings(
        "ai-inference",
        [
            ("inference-thinking-budget", .integer(counts), nil),
            ("inference-reasoning-effort", .choice(efforts), nil),
            ("inference-reasoning-summary", .choice(["auto", "concise", "detailed"]), nil),
            ("inference-temperature", .number(0...2), nil),
            ("inference-top-p", .number(0...1), nil),
            ("inference-max-response-tokens", .integer(positive), nil),
            ("inference-seed", .integer(anyInteger), nil),
            ("inference-stop", .strings, nil),
        ])

    private static let embeddings = settings(
        "embeddings",
        [
            ("embeddings-engine", .string, "text-embedding-3-small"),
            ("embeddings-type", .choice(["openai", "ollama"]), "openai"),
            ("embeddings-dimensions", .integer(positive), 1536),
            ("embeddings-cache-type", .choice(["none", "memory", "file"]), "none"),
            ("embeddings-cache-max-size", .integer(counts), 1_073_741_824),
            ("embeddings-cache-max-entries", .integer(counts), 1000),
            ("embeddings-cache-directory", .string, ""),
        ])

    private static let gateway = settings(
        "gateway",
        [
            ("upstream", .upstream, nil), ("fallback-upstreams", .upstreams, []),
            ("max-retries", .integer(0...10), nil), ("timeout-ms", .integer(milliseconds), nil),
            ("first-byte-timeout-ms", .integer(milliseconds), nil), ("context-tokens", .integer(positive), 8000),
        ])

    private static func decimal(_ text: String) -> JSONValue? { JSONNumber(parsing: text).map(JSONValue.number) }
}
