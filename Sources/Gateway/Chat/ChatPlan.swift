internal import HTTPServer
internal import JSON
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

/// What a profile means for a chat: made once per state of the profile and request, then shared by all chats alike.
struct ChatPlan: Sendable {
    let entry: ProfileEntry
    let resolved: ResolvedProfile
    /// The chosen upstream with its retries and fallbacks.
    let upstream: any Upstream
    let tools: ToolFilter
    let middlewares: MiddlewareChain
    /// The prompt as an encoded `system` message; nil when there is none.
    let systemMessage: [UInt8]?
    /// The request carried a cookie that names nothing (this and the next belong to the request, not the profile).
    var expiresCookie = false
    /// The client's sampling members that the policy drops (`X-Overrides-Ignored`).
    var ignored: [String] = []
    /// The client's sampling members in whose place an explicit override stands.
    var superseded: [String] = []

    init(
        entry: ProfileEntry, resolved: ResolvedProfile, upstream: any Upstream, tools: ToolFilter,
        middlewares: MiddlewareChain
    ) {
        self.entry = entry
        self.resolved = resolved
        self.upstream = upstream
        self.tools = tools
        self.middlewares = middlewares
        let prompt = resolved.effective.systemPrompt ?? ""
        systemMessage =
            prompt.isEmpty ? nil : JSONValue.object(["role": "system", "content": .string(prompt)]).encoded()
    }

    var systemPrompt: String { resolved.effective.systemPrompt ?? "" }
    var runtimeKey: String { resolved.runtimeKey }
    /// `sha256:…` over everything that decides about the answer, secrets excluded.
    var fingerprint: String { resolved.fingerprint }
    /// The model asked for when no layer names one (the default of `ai-engine`, origin 7).
    var fallbackModel: String { "gpt-4" }

    /// The profile's settings as members of an OpenAI body.
    func settings(streams: Bool?, offersTools: Bool) throws(FieldError) -> OpenAISettings {
        try OpenAISettings(resolved.effective.stepSettings, streams: streams, offersTools: offersTools)
    }

    func request(body: [UInt8], settings: OpenAISettings, for context: RequestContext) -> UpstreamRequest {
        UpstreamRequest(
            body: body,
            clientHeaders: HeaderPolicy.up.compactMap { name in context.head.headers[name].map { (name, $0) } },
            profileHeaders: settings.headers, showsSystemText: context.principal.role >= .reader)
    }

    /// The headers of a chat answer (`gateway.md §4`).
    func describe(_ response: inout Response, for context: RequestContext) {
        response.headers.append("X-Profile", runtimeKey)
        response.headers.append("X-Profile-Version", String(entry.version))
        response.headers.append("X-Runtime-Fingerprint", fingerprint)
        if !ignored.isEmpty { response.headers.append("X-Overrides-Ignored", ignored.joined(separator: ", ")) }
        if expiresCookie { response.headers.append("Set-Cookie", ProfileCookie.setCookie(nil, for: context)) }
    }
}
