// The effective configuration as rows for people: key, value, where it came from. Built from the checked values, so
// that it shows what the process will do and not what somebody wrote; secrets appear as their reference or as `***`.

internal import Middlewares
internal import HTTPServer
package import JSON
internal import Profiles
internal import Tenants

/// What `config show` prints.
package struct ConfigurationReport: Sendable {
    package struct Row: Sendable {
        /// Keys from the top of the file down to the setting.
        package let path: [String]
        /// The same as one dotted text.
        package var key: String { path.joined(separator: ".") }
        /// Its value; durations and sizes in the form the file takes.
        package let value: JSONValue
        package let origin: ConfigurationOrigin
    }

    package private(set) var rows: [Row] = []

    init(_ configuration: GatewayConfiguration, origins: [String: ConfigurationOrigin]) {
        var builder = ReportBuilder(origins: origins)
        builder.add(general: configuration)
        builder.add(upstreams: configuration)
        builder.add(namedThings: configuration)
        rows = builder.rows
    }
}

/// Collects rows and looks up their origins.
private struct ReportBuilder {
    let origins: [String: ConfigurationOrigin]
    var rows: [ConfigurationReport.Row] = []

    init(origins: [String: ConfigurationOrigin]) {
        self.origins = origins
    }

    mutating func add(_ path: [String], _ value: JSONValue) {
        let origin = origins[path.joined(separator: ".")] ?? .builtIn
        rows.append(.init(path: path, value: value, origin: origin))
    }

    mutating func add(_ field: ConfigurationField, _ value: JSONValue) {
        add(field.rawValue.split(separator: ".").map(String.init), value)
    }

    mutating func add(general configuration: GatewayConfiguration) {
        add(.listen, .array(configuration.listen.map { .string($0.description) }))
        add(.dataDirectory, .string(configuration.dataDirectory))
        add(.defaultTenant, .text(configuration.defaultTenant?.rawValue))
        add(.operatorKey, .secret(configuration.operatorKey))
        add(.trustedProxies, .array(configuration.trustedProxies.map { .string($0.description) }))
        add(.tenantHostSuffix, .text(configuration.tenantHostSuffix))
        add(.sourceDirectories, .array(configuration.sourceDirectories.map { .string($0) }))
        add(.backupSchedule, .text(configuration.backups.schedule?.text))
        add(.backupJitter, .string(Units.text(configuration.backups.jitter)))
        add(.backupKeep, .number(configuration.backups.keep))
        add(.backupMaximumAge, .text(configuration.backups.maximumAge.map { Units.text($0) }))
        add(.backupDirectory, .text(configuration.backups.directory))
        add(.backupDirectories, .array(configuration.backupDirectories.map { .string($0) }))
        add(.historyVersions, .number(configuration.retention.maximumVersions))
        add(.historyAge, .string(Units.text(configuration.retention.maximumVersionAge)))
        add(.auditEntries, .number(configuration.retention.maximumAuditEntries))
        add(.auditAge, .string(Units.text(configuration.retention.maximumAuditAge)))
        add(.profileBodyBytes, .string(Units.text(configuration.maximumBodyBytes.profiles)))
        add(.chatBodyBytes, .string(Units.text(configuration.maximumBodyBytes.chat)))
        add(.importBodyBytes, .string(Units.text(configuration.maximumBodyBytes.imports)))
        add(.maximumOpenTenants, .number(configuration.maximumOpenTenants))
        add(.busyTimeout, .string(Units.text(configuration.busyTimeout)))
        add(.shutdownGrace, .string(Units.text(configuration.shutdownGrace)))
        add(.headersDeadline, .string(Units.text(configuration.deadlines.headers)))
        add(.bodyDeadline, .string(Units.text(configuration.deadlines.body)))
        add(.idleDeadline, .string(Units.text(configuration.deadlines.idle)))
        add(.connectionLimit, .number(configuration.connections.total))
        add(.connectionsPerAddress, .number(configuration.connections.perAddress))
        add(.threads, .number(configuration.threads))
        add(.logLevel, .string(configuration.log.level.rawValue))
        add(.logFormat, .string(configuration.log.format.rawValue))
        if let file = configuration.registryFile {
            let dsn = ConfigurationField.profileRegistryDSN.rawValue
            add(origins[dsn] == nil ? .profileRegistryDB : .profileRegistryDSN, .string(file.path))
        }
    }

    mutating func add(upstreams configuration: GatewayConfiguration) {
        for upstream in configuration.upstreams {
            let key = ["upstreams", upstream.name]
            add(key + ["api"], .string(upstream.api.rawValue))
            if upstream.api == .echo { continue }
            add(key + ["base_url"], .text(upstream.baseURL))
            add(key + ["api_key"], .secret(upstream.apiKey))
            add(key + ["timeouts", "connect"], .string(Units.text(upstream.timeouts.connect)))
            add(key + ["timeouts", "first_byte"], .string(Units.text(upstream.timeouts.firstByte)))
            add(key + ["timeouts", "idle"], .string(Units.text(upstream.timeouts.idle)))
            add(key + ["timeouts", "total"], .string(Units.text(upstream.timeouts.total)))
            add(key + ["max_connections"], .number(upstream.maximumConnections))
        }
        add(.defaultUpstream, .string(configuration.defaultUpstream))
    }

    mutating func add(namedThings configuration: GatewayConfiguration) {
        for (section, fields) in configuration.stepSettings {
            for (field, value) in fields.objectValue ?? JSONObject() {
                add(["step_settings", section, field], value)
            }
        }
        for tool in configuration.tools {
            let key = ["tools", tool.name]
            add(key + ["description"], .text(tool.description))
            add(key + ["parameters"], tool.parameters.map { .object($0) } ?? .null)
        }
        for mode in configuration.agentModes { add(["agent_modes", mode.name], .string(mode.prompt)) }
        for secret in configuration.secrets {
            let key = ["secrets", secret.name]
            add(key + ["value"], .secret(secret.value))
            add(key + ["upstreams"], .array(secret.upstreams.map { .string($0) }))
            add(key + ["tenants"], .array(secret.tenants.map { .string($0.rawValue) }))
        }
        add(configuration.limits, at: ["limits"])
        for tenant in configuration.tenants {
            let key = ["tenants", tenant.slug.rawValue]
            add(key + ["display_name"], .text(tenant.displayName))
            add(key + ["unknown_model"], .string(tenant.unknownModel.rawValue))
            add(key + ["require_preconditions"], .bool(tenant.requiresPreconditions))
            for (alias, target) in tenant.modelAliases.sorted(by: { $0.key < $1.key }) {
                add(key + ["model_aliases", alias], .string(target))
            }
            if !tenant.sources.isEmpty { add(key + ["sources"], .array(tenant.sources.map { .string($0.text) })) }
            if let limits = tenant.limits { add(limits, at: key + ["limits"]) }
        }
    }

    private mutating func add(_ limits: GatewayConfiguration.TenantLimits, at key: [String]) {
        add(key + ["requests_per_minute"], .number(limits.requestsPerMinute))
        add(key + ["tokens_per_minute"], .number(limits.tokensPerMinute))
        add(key + ["concurrent_chats"], .number(limits.concurrentChats))
    }
}

extension JSONValue {
    fileprivate static func text(_ text: String?) -> JSONValue {
        text.map { .string($0) } ?? .null
    }

    fileprivate static func number(_ number: Int?) -> JSONValue {
        number.map { .number(JSONNumber($0)) } ?? .null
    }

    fileprivate static func secret(_ secret: Secret?) -> JSONValue {
        secret.map { .string($0.reference ?? $0.description) } ?? .null
    }
}
