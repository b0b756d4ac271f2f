// Upstreams, tools, provider secrets, limits and tenants.

internal import JSON
internal import Middlewares
internal import Profiles

extension ConfigurationAssembler {
    mutating func assembleNamedThings(_ configuration: inout GatewayConfiguration) {
        with(.upstreams) { me, node, key in
            let upstreams = me.decoder.members(node, key).compactMap { me.upstream($0, key) }
            if case .mapping(let entries) = node.content, entries.isEmpty {
                me.decoder.refuse(node.origin, key, "must name at least one upstream; without it there is echo alone")
            }
            configuration.upstreams = upstreams
            configuration.defaultUpstream = upstreams.first?.name ?? ""
        }
        let declared = declaredUpstreams
        with(.defaultUpstream) { me, node, key in
            guard let name = me.decoder.text(node, key) else { return }
            me.checkUpstream(name, among: declared, node.origin, key)
            configuration.defaultUpstream = name
        }
        with(.stepSettings) { me, node, key in
            configuration.stepSettings = me.stepSettings(node, key)
            me.checkReferences(of: node, key, upstreams: configuration.upstreams, among: declared)
        }
        with(.tools) { me, node, key in
            configuration.tools = me.decoder.members(node, key).compactMap { me.tool($0, key) }
        }
        with(.agentModes) { me, node, key in
            configuration.agentModes = me.decoder.members(node, key).compactMap { entry in
                if !AgentMode.isName(entry.key) {
                    me.decoder.refuse(
                        entry.keyOrigin, "\(key).\(entry.key)", "must have a name: profiles choose a mode by it")
                }
                return me.decoder.text(entry.value, "\(key).\(entry.key)").map {
                    AgentMode(name: entry.key, prompt: $0)
                }
            }
        }
        with(.secrets) { me, node, key in
            configuration.secrets = me.decoder.members(node, key).compactMap {
                me.providerSecret($0, key, upstreams: declared)
            }
        }
        with(.limits) { me, node, key in
            configuration.limits = me.limits(node, key)
        }
        with(.tenants) { me, node, key in
            configuration.tenants = me.decoder.members(node, key).compactMap { me.tenant($0, key) }
            guard configuration.sourceDirectories.isEmpty else { return }
            for tenant in configuration.tenants where !tenant.sources.isEmpty {
                me.decoder.refuse(
                    node.origin, "\(key).\(tenant.slug).sources",
                    "lie in none of source_directories, which is empty; name the directory of the files there")
            }
        }
    }

    /// Names under `upstreams`, also of those with mistakes in them: one mistake, one message.
    private var declaredUpstreams: [String] {
        guard let node = layers.nodes[.upstreams] else { return [UpstreamConfiguration.builtInEcho.name] }
        guard case .mapping(let entries) = node.content else { return [] }
        return entries.map(\.key)
    }

    mutating func checkUpstream(
        _ name: String, among declared: [String], _ origin: ConfigurationOrigin, _ key: String
    ) {
        guard !declared.contains(name) else { return }
        decoder.refuse(
            origin, key,
            "`\(name)` is no configured upstream (\(declared.joined(separator: ", ")))"
                + Suggestion.phrase(for: name, among: declared))
    }

    private mutating func upstream(_ entry: ConfigurationNode.Entry, _ parent: String) -> UpstreamConfiguration? {
        let key = "\(parent).\(entry.key)"
        checkName(entry, key, Names.upstream)
        let members = decoder.members(
            entry.value, key, known: ["api", "base_url", "api_key", "timeouts", "max_connections"])
        guard entry.value.isMappingOrNull else { return nil }
        guard let apiNode = members["api"] else {
            decoder.refuse(entry.keyOrigin, "\(key).api", "is missing; one of openai, echo")
            return nil
        }
        guard let api = decoder.choice(apiNode, "\(key).api", UpstreamAPI.self) else { return nil }
        var upstream = UpstreamConfiguration(name: entry.key, api: api)
        if api == .echo {
            for name in ["base_url", "api_key", "timeouts", "max_connections"] {
                guard let node = members[name] else { continue }
                decoder.refuse(node.origin, "\(key).\(name)", "means nothing for api echo, which needs no network")
            }
            return upstream
        }
        if let node = members["base_url"] {
            upstream.baseURL = decoder.parsed(node, "\(key).base_url", BaseURL.parse)
        } else {
            decoder.refuse(
                entry.keyOrigin, "\(key).base_url",
                "is missing; api \(api.rawValue) needs one, e.g. https://api.openai.com/v1")
        }
        if let node = members["api_key"] {
            upstream.apiKey = decoder.secret(node, "\(key).api_key")
            if let url = upstream.baseURL, url.hasPrefix("http:"), !BaseURL.isLoopback(url) {
                decoder.warn(node.origin, "\(key).api_key", "is sent unencrypted: base_url is http, not https")
            }
        }
        if let node = members["timeouts"] { timeouts(node, "\(key).timeouts", &upstream.timeouts) }
        if let node = members["max_connections"],
            let number = decoder.integer(node, "\(key).max_connections", in: 1...65_536)
        {
            upstream.maximumConnections = number
        }
        return upstream
    }

    private mutating func timeouts(
        _ node: ConfigurationNode, _ key: String, _ timeouts: inout UpstreamConfiguration.Timeouts
    ) {
        let targets: [(String, WritableKeyPath<UpstreamConfiguration.Timeouts, Duration>)] = [
            ("connect", \.connect), ("first_byte", \.firstByte), ("idle", \.idle), ("total", \.total),
        ]
        let members = decoder.members(node, key, known: targets.map(\.0))
        for (name, target) in targets {
            guard let member = members[name] else { continue }
            let range: ClosedRange<Duration> = .milliseconds(10) ... .seconds(24 * 3600)
            if let value = decoder.duration(member, "\(key).\(name)", in: range) { timeouts[keyPath: target] = value }
        }
    }

    private mutating func tool(_ entry: ConfigurationNode.Entry, _ parent: String) -> ToolDefinition? {
        let key = "\(parent).\(entry.key)"
        checkName(entry, key, Names.tool)
        var tool = ToolDefinition(name: entry.key)
        let members = decoder.members(entry.value, key, known: ["description", "parameters"])
        if let node = members["description"] { tool.description = decoder.text(node, "\(key).description") }
        if let node = members["parameters"] {
            _ = decoder.members(node, "\(key).parameters")
            tool.parameters = node.json.objectValue
        }
        return tool
    }

    private mutating func providerSecret(
        _ entry: ConfigurationNode.Entry, _ parent: String, upstreams declared: [String]
    ) -> ProviderSecret? {
        let key = "\(parent).\(entry.key)"
        checkName(entry, key, Names.upstream)
        let members = decoder.members(entry.value, key, known: ["value", "upstreams", "tenants"])
        guard entry.value.isMappingOrNull else { return nil }
        var upstreams: [String] = []
        if let node = members["upstreams"] {
            for element in decoder.list(node, "\(key).upstreams") {
                guard let name = decoder.text(element, "\(key).upstreams") else { continue }
                checkUpstream(name, among: declared, element.origin, "\(key).upstreams")
                upstreams.append(name)
            }
            decoder.note("\(key).upstreams", from: node.origin)
        }
        if upstreams.isEmpty {
            decoder.refuse(
                members["upstreams"]?.origin ?? entry.keyOrigin, "\(key).upstreams",
                "must name at least one upstream: a credential is only ever sent where it is configured for")
        }
        var tenants: [TenantSlug] = []
        if let node = members["tenants"] {
            for element in decoder.list(node, "\(key).tenants") {
                if let slug = decoder.parsed(element, "\(key).tenants", Names.tenant) { tenants.append(slug) }
            }
            decoder.note("\(key).tenants", from: node.origin)
        }
        guard let node = members["value"] else {
            decoder.refuse(entry.keyOrigin, "\(key).value", "is missing; env:NAME or file:PATH")
            return nil
        }
        guard let value = decoder.secret(node, "\(key).value") else { return nil }
        return ProviderSecret(name: entry.key, value: value, upstreams: upstreams, tenants: tenants)
    }

    private mutating func limits(_ node: ConfigurationNode, _ key: String) -> GatewayConfiguration.TenantLimits {
        var limits = GatewayConfiguration.TenantLimits()
        let targets: [(String, WritableKeyPath<GatewayConfiguration.TenantLimits, Int?>)] = [
            ("requests_per_minute", \.requestsPerMinute), ("tokens_per_minute", \.tokensPerMinute),
            ("concurrent_chats", \.concurrentChats),
        ]
        let members = decoder.members(node, key, known: targets.map(\.0))
        for (name, target) in targets {
            guard let member = members[name] else { continue }
            limits[keyPath: target] = decoder.integer(member, "\(key).\(name)", in: 1...1_000_000_000)
        }
        return limits
    }

    private mutating func tenant(_ entry: ConfigurationNode.Entry, _ parent: String) -> TenantConfiguration? {
        let key = "\(parent).\(entry.key)"
        let members = decoder.members(
            entry.value, key,
            known: ["display_name", "unknown_model", "model_aliases", "require_preconditions", "limits", "sources"])
        let slug: TenantSlug
        do {
            slug = try Names.tenant(entry.key)
        } catch {
            decoder.refuse(entry.keyOrigin, key, error.reason)
            return nil
        }
        var tenant = TenantConfiguration(slug: slug)
        if let node = members["display_name"] { tenant.displayName = decoder.text(node, "\(key).display_name") }
        if let node = members["unknown_model"] {
            tenant.unknownModel =
                decoder.choice(node, "\(key).unknown_model", TenantConfiguration.UnknownModel.self) ?? .reject
        }
        if let node = members["model_aliases"] {
            for alias in decoder.members(node, "\(key).model_aliases") {
                let path = "\(key).model_aliases.\(alias.key)"
                tenant.modelAliases[alias.key] = decoder.parsed(alias.value, path, Names.profileReference)
            }
        }
        if let node = members["require_preconditions"] {
            tenant.requiresPreconditions = decoder.bool(node, "\(key).require_preconditions") ?? false
        }
        if let node = members["limits"] { tenant.limits = limits(node, "\(key).limits") }
        if let node = members["sources"] {
            tenant.sources = decoder.list(node, "\(key).sources").compactMap {
                decoder.parsed($0, "\(key).sources", SourceEntry.parse)
            }
            decoder.note("\(key).sources", from: node.origin)
        }
        return tenant
    }

    private mutating func checkName(
        _ entry: ConfigurationNode.Entry, _ key: String, _ check: (String) throws(InvalidSetting) -> String
    ) {
        do {
            _ = try check(entry.key)
        } catch {
            decoder.refuse(entry.keyOrigin, key, error.reason)
        }
    }
}
