internal import HTTPClient
internal import HTTPServer
internal import JSON
internal import Profiles
internal import Upstreams

/// The configured upstreams by name, and which of them a profile's settings choose (`gateway.md §2`).
struct UpstreamDirectory: Sendable {
    /// An upstream with what choosing one needs to know.
    struct Entry: Sendable {
        let upstream: any Upstream
        let baseURL: String?
        let timeouts: TransferTimeouts
    }

    private let entries: [Entry]
    private let defaultName: String

    /// - Parameter entries: in the order of the configuration, which decides between several of one kind.
    init(_ entries: [Entry], default name: String) {
        self.entries = entries
        defaultName = name
    }

    /// Upstreams for a configuration; requests leave through `transport`.
    ///
    /// - Throws: `TransferError` for a header that cannot be sent.
    init(_ configuration: GatewayConfiguration, transport: Transport) throws {
        var entries: [Entry] = []
        for upstream in configuration.upstreams {
            entries.append(
                Entry(
                    upstream: try Self.make(upstream, transport), baseURL: upstream.baseURL,
                    timeouts: TransferTimeouts(upstream.timeouts)))
        }
        self.init(entries, default: configuration.defaultUpstream)
    }

    private static func make(_ configuration: UpstreamConfiguration, _ transport: Transport) throws -> any Upstream {
        switch configuration.api {
        case .echo:
            return EchoUpstream(name: configuration.name)
        case .openai:
            return try OpenAIUpstream(
                OpenAIUpstream.Configuration(
                    name: configuration.name, baseURL: configuration.baseURL ?? "",
                    credential: configuration.apiKey.map { Credential($0.reveal()) },
                    timeouts: TransferTimeouts(configuration.timeouts)),
                transport: transport)
        }
    }

    /// The upstream for effective step settings.
    ///
    /// `gateway.upstream` > a `*-base-url` equal to a configured one > the first whose kind is `ai-api-type` >
    /// `default_upstream`.
    func choose(_ settings: JSONObject) throws(Problem) -> Entry {
        if let name = settings["gateway"]?["upstream"]?.stringValue {
            return try named(name, "upstream")
        }
        if let entry = try byBaseURL(settings) { return entry }
        if let kind = settings["ai-chat"]?["ai-api-type"]?.stringValue.map(Self.kind(of:)),
            let entry = entries.first(where: { $0.upstream.api == kind })
        {
            return entry
        }
        guard let entry = entries.first(where: { $0.upstream.name == defaultName }) else {
            throw Problem(.badGateway, code: "upstream_unknown", "no upstream is configured as the default one")
        }
        return entry
    }

    /// The chosen upstream with the profile's credential, its retries and its fallbacks in order (`gateway.md §8`).
    ///
    /// Each is waited for as long as its own configuration says, unless the profile's settings say how long.
    ///
    /// - Throws: `Problem` 502 for a fallback that is not configured, or a secret that may not go to `first`.
    func chain(
        from first: Entry, _ settings: JSONObject, _ credentials: ProfileCredentials
    ) throws(Problem) -> any Upstream {
        var fallbacks: [any Upstream] = []
        for name in settings["gateway"]?["fallback-upstreams"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
            let fallback = try named(name, "fallback-upstreams")
            fallbacks.append(
                ProfileUpstream(
                    base: fallback.upstream, credential: credentials.credential(forFallback: fallback.upstream),
                    timeouts: fallback.timeouts.applying(settings)))
        }
        var policy = RetryPolicy()
        if let retries = settings["gateway"]?["max-retries"]?.numberValue?.integral {
            policy.maximumRetries = Int(clamping: max(0, retries))
        }
        return UpstreamChain(
            ProfileUpstream(
                base: first.upstream, credential: try credentials.credential(for: first.upstream),
                timeouts: first.timeouts.applying(settings)),
            fallbacks: fallbacks, policy: policy)
    }

    private func named(_ name: String, _ field: String) throws(Problem) -> Entry {
        guard let entry = entries.first(where: { $0.upstream.name == name }) else {
            throw Problem(
                .badGateway, code: "upstream_unknown",
                "the profile's setting gateway.\(field) names \(name.debugDescription), which is not configured",
                param: "runtime.step_settings_patch.gateway.\(field)")
        }
        return entry
    }

    /// The name of the upstream a runtime is answered by, also when the choice cannot be followed (for fingerprints).
    func nameOfChoice(_ settings: JSONObject) -> String {
        do throws(Problem) {
            return try choose(settings).upstream.name
        } catch {
            return settings["gateway"]?["upstream"]?.stringValue ?? ""
        }
    }

    private func byBaseURL(_ settings: JSONObject) throws(Problem) -> Entry? {
        for (section, fields) in settings {
            for (field, value) in fields.objectValue ?? [:] where field.hasSuffix("-base-url") {
                guard let url = value.stringValue, !url.isEmpty else { continue }
                guard
                    let entry = entries.first(where: { $0.baseURL.map { ProfileRules.isSameURL($0, url) } ?? false })
                else {
                    // Never sent anywhere else: a profile chooses among upstreams, it does not add one.
                    throw Problem(
                        .badGateway, code: "upstream_unknown",
                        "the profile's setting \(section).\(field) is no configured upstream's base_url",
                        param: "runtime.step_settings_patch.\(section).\(field)")
                }
                return entry
            }
        }
        return nil
    }

    /// The origin's names of API types, mapped to the nearest kind (`gateway.md §2`).
    private static func kind(of apiType: String) -> String {
        switch apiType {
        case "anthropic", "claude": "claude"
        case "gemini", "google": "gemini"
        case "echo": "echo"
        default: "openai"
        }
    }
}

extension TransferTimeouts {
    init(_ timeouts: UpstreamConfiguration.Timeouts) {
        self.init(
            connect: timeouts.connect, firstByte: timeouts.firstByte, idle: timeouts.idle, total: timeouts.total)
    }
}
