internal import HTTPServer
internal import JSON
internal import Profiles

/// The body of `POST /chat`, decoded (`gateway.md §8`, origin 3.9).
struct ChatPrompt: Sendable {
    /// `prompt`, or `text` when the prompt is blank; nil when both are.
    var text: String?
    var variables: JSONObject
    var conversationID: String?
    var profile: String?
    var registry: String?
    var overrides: JSONObject?
    var idempotencyKey: String?
    var isStreaming: Bool
    /// The version to explain, if not the current one.
    var version: UInt64?

    /// - Parameter takesVersion: whether the body may name a version of the profile.
    /// - Throws: `Problem` 400 for an unknown field, a wrong type, or aliases that disagree.
    init(_ context: RequestContext, takesVersion: Bool = false) throws {
        var reader = try context.bodyReader()
        let prompt = try reader.string("prompt")
        let text = try reader.string("text")
        conversationID = try reader.string("conv_id").flatMap { $0.trimmingBlanks.isEmpty ? nil : $0.trimmingBlanks }
        profile = try Self.aliased("profile", "runtime_key", &reader)
        registry = try Self.aliased("registry", "registry_slug", &reader)
        let overrides = try reader.object("overrides")
        let requestOverrides = try reader.object("request_overrides")
        if let overrides, let requestOverrides, overrides != requestOverrides {
            throw Problem.badRequest(
                "overrides and request_overrides disagree", code: "selection_conflict", param: "request_overrides")
        }
        self.overrides = overrides ?? requestOverrides
        idempotencyKey =
            try reader.string("idempotency_key") ?? context.head.headers["Idempotency-Key"]
            ?? context.head.headers["X-Idempotency-Key"]
        variables = try reader.object("variables") ?? [:]
        let stream = try reader.bool("stream")
        version = takesVersion ? try reader.uint64("version") : nil
        try reader.finish()
        isStreaming = stream ?? AcceptedTypes(context.head.headers).prefers("text/event-stream")

        self.text = [prompt, text].compactMap { $0 }.first { !$0.trimmingBlanks.isEmpty }
    }

    /// The request as the chat service takes it.
    func input(path: String?) -> ChatInput {
        ChatInput(
            sources: Selection.Sources(
                path: path, bodyProfile: profile, bodyRegistry: registry, version: version),
            requested: RequestedRuntime(overrides: overrides ?? [:], variables: variables))
    }

    /// A field under its own name or the second generation's; both given must agree (origin 4.1).
    private static func aliased(_ name: String, _ alias: String, _ reader: inout ObjectReader) throws -> String? {
        let value = try reader.string(name)
        let other = try reader.string(alias)
        if let value, let other, value.trimmingBlanks != other.trimmingBlanks {
            throw Problem.badRequest("\(name) and \(alias) disagree", code: "selection_conflict", param: alias)
        }
        return value ?? other
    }
}
