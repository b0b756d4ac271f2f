internal import HTTPClient
internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants
internal import Upstreams

/// What a profile means for a chat: made once per state of the profile, then shared by all chats that choose it.
struct ChatPlan: Sendable {
    let entry: ProfileEntry
    let resolved: ResolvedProfile
    let upstream: any Upstream
    let timeouts: TransferTimeouts
    let tools: ToolFilter
    /// The prompt as an encoded `system` message; nil when there is none.
    let systemMessage: [UInt8]?
    /// The request carried a cookie that names nothing (the one part that belongs to the request, not the profile).
    var expiresCookie = false

    init(
        entry: ProfileEntry, resolved: ResolvedProfile, upstream: any Upstream, timeouts: TransferTimeouts,
        tools: ToolFilter
    ) {
        self.entry = entry
        self.resolved = resolved
        self.upstream = upstream
        self.timeouts = timeouts
        self.tools = tools
        let prompt = resolved.effective.systemPrompt ?? ""
        systemMessage =
            prompt.isEmpty ? nil : JSONValue.object(["role": "system", "content": .string(prompt)]).encoded()
    }

    private var runtime: EffectiveRuntime { resolved.effective }
    var systemPrompt: String { runtime.systemPrompt ?? "" }
    var runtimeKey: String { resolved.runtimeKey }
    /// `sha256:…` over everything that decides about the answer, secrets excluded.
    var fingerprint: String { resolved.fingerprint }
    /// The model asked for when no layer names one.
    var fallbackModel: String { "gpt-4" }

    /// The profile's settings as members of an OpenAI body.
    func settings(streams: Bool?, offersTools: Bool) throws(FieldError) -> OpenAISettings {
        try OpenAISettings(runtime.stepSettings, streams: streams, offersTools: offersTools)
    }

    func request(body: [UInt8], settings: OpenAISettings, for context: RequestContext) -> UpstreamRequest {
        UpstreamRequest(
            body: body,
            clientHeaders: HeaderPolicy.up.compactMap { name in context.head.headers[name].map { (name, $0) } },
            profileHeaders: settings.headers, timeouts: timeouts,
            showsSystemText: context.principal.role >= .reader)
    }

    /// Which of the client's sampling members are dropped; the policy decides (`gateway.md §7`, `§8`).
    ///
    /// - Throws: `Problem` 403 for a refused member, unless the policy says `on_denied: ignore`.
    func judgeSampling(_ members: [String]) throws(Problem) -> [String] {
        guard !members.isEmpty, let reason = runtime.policy.refusal(of: .stepSettingsPatch) else { return [] }
        guard runtime.policy.onDenied == .ignore else {
            throw Problem.forbidden(
                "policy violation for profile \(entry.slug.rawValue.debugDescription): \(reason)",
                code: "policy_violation", param: members[0])
        }
        return members
    }

    /// The headers of a chat answer (`gateway.md §4`).
    func describe(_ response: inout Response, for context: RequestContext) {
        response.headers.append("X-Profile", runtimeKey)
        response.headers.append("X-Profile-Version", String(entry.version))
        response.headers.append("X-Runtime-Fingerprint", fingerprint)
        if expiresCookie { response.headers.append("Set-Cookie", ProfileCookie.setCookie(nil, for: context)) }
    }
}
