// The list of settings: one line per key of gateway.md §2. Names of environment variables, the shape of a value in
// text form, suggestions for misspelt keys and the order of `config show` all come from here.

/// A setting, by its dotted key in the file.
enum ConfigurationField: String, CaseIterable, Sendable {
    case listen
    case dataDirectory = "data_dir"
    case defaultTenant = "default_tenant"
    case operatorKey = "operator_key"
    case trustedProxies = "trusted_proxies"
    case tenantHostSuffix = "tenant_host_suffix"
    case upstreams
    case defaultUpstream = "default_upstream"
    case stepSettings = "step_settings"
    case tools
    case agentModes = "agent_modes"
    case secrets
    case limits
    case tenants
    case sourceDirectories = "source_directories"
    case backupSchedule = "backups.schedule"
    case backupJitter = "backups.jitter"
    case backupKeep = "backups.keep"
    case backupMaximumAge = "backups.max_age"
    case backupDirectory = "backups.directory"
    case backupDirectories = "backup_directories"
    case historyVersions = "history.max_versions"
    case historyAge = "history.max_age"
    case auditEntries = "audit.max_entries"
    case auditAge = "audit.max_age"
    case profileBodyBytes = "max_body_bytes.profiles"
    case chatBodyBytes = "max_body_bytes.chat"
    case importBodyBytes = "max_body_bytes.imports"
    case maximumOpenTenants = "max_open_tenants"
    case busyTimeout = "busy_timeout"
    case shutdownGrace = "shutdown_grace"
    case headersDeadline = "deadlines.headers"
    case bodyDeadline = "deadlines.body"
    case idleDeadline = "deadlines.idle"
    case connectionLimit = "connections.total"
    case connectionsPerAddress = "connections.per_address"
    case threads
    case logLevel = "log.level"
    case logFormat = "log.format"
    case profileRegistryDB = "profile_registry_db"
    case profileRegistryDSN = "profile_registry_dsn"

    /// How an environment variable's text is read.
    enum Shape: Sendable {
        case scalar
        /// Comma-separated, or a YAML list in brackets.
        case list
        /// A YAML mapping, e.g. `{local: {api: openai, base_url: "http://…"}}`.
        case mapping
    }

    var shape: Shape {
        switch self {
        case .listen, .trustedProxies, .sourceDirectories, .backupDirectories: .list
        case .upstreams, .stepSettings, .tools, .agentModes, .secrets, .limits, .tenants: .mapping
        default: .scalar
        }
    }

    /// `max_body_bytes.chat` → `PROFILE_GATEWAY_MAX_BODY_BYTES_CHAT`.
    var environmentName: String {
        Self.environmentPrefix + String(rawValue.uppercased().map { $0 == "." ? "_" : $0 })
    }

    static let environmentPrefix = "PROFILE_GATEWAY_"

    /// Key that holds this one in the file, for keys such as `log.level`.
    var group: String? {
        rawValue.firstIndex(of: ".").map { String(rawValue[..<$0]) }
    }

    /// Every key that may stand at the top of the file.
    static let topLevelKeys: [String] = {
        var keys: [String] = []
        for field in allCases where !keys.contains(field.group ?? field.rawValue) {
            keys.append(field.group ?? field.rawValue)
        }
        return keys
    }()

    /// Keys that may stand below a group.
    static func members(of group: String) -> [String] {
        allCases.filter { $0.group == group }.map { String($0.rawValue.dropFirst(group.count + 1)) }
    }
}
