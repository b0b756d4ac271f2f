// Winning nodes → checked values. The simple settings and the rules that span several settings are here; named
// things (upstreams, tools, secrets, tenants) have their own file.

internal import HTTPServer
internal import Profiles
internal import Tenants

/// Builds a GatewayConfiguration; problems pile up in `decoder`.
struct ConfigurationAssembler {
    let layers: ConfigurationLayers
    var decoder: SettingDecoder

    mutating func assemble() -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        assembleAddresses(&configuration)
        assembleSizesAndTimes(&configuration)
        assembleBackups(&configuration)
        assembleNamedThings(&configuration)
        assembleRegistryFile(&configuration)
        configuration.operatorKey = operatorKey()
        checkExposure(configuration)
        return configuration
    }

    /// Runs `body` with the node of a setting that some source gives.
    mutating func with(_ field: ConfigurationField, _ body: (inout Self, ConfigurationNode, String) -> Void) {
        if let node = layers.nodes[field] { body(&self, node, field.rawValue) }
    }

    private mutating func assembleAddresses(_ configuration: inout GatewayConfiguration) {
        with(.listen) { me, node, key in
            var addresses: [ListenAddress] = []
            for element in me.decoder.list(node, key) {
                guard let address = me.decoder.parsed(element, key, Addresses.listen) else { continue }
                // Of port 0 there may be several: the kernel chooses each.
                if addresses.contains(address), !element.hasText(endingIn: ":0") {
                    me.decoder.refuse(element.origin, key, "`\(address)` is given twice")
                }
                addresses.append(address)
            }
            if case .sequence(let elements) = node.content, elements.isEmpty {
                me.decoder.refuse(node.origin, key, "must name at least one address, e.g. 127.0.0.1:8080")
            }
            me.decoder.note(key, from: node.origin)
            configuration.listen = addresses
        }
        with(.trustedProxies) { me, node, key in
            configuration.trustedProxies = me.decoder.list(node, key).compactMap {
                me.decoder.parsed($0, key, Addresses.range)
            }
            me.decoder.note(key, from: node.origin)
        }
        with(.tenantHostSuffix) { me, node, key in
            configuration.tenantHostSuffix = me.decoder.parsed(node, key, Names.hostSuffix)
        }
        with(.defaultTenant) { me, node, key in
            me.decoder.note(key, from: node.origin)
            configuration.defaultTenant = node.isNull ? nil : me.decoder.parsed(node, key, Names.tenant)
        }
        with(.dataDirectory) { me, node, key in
            if let path = me.decoder.text(node, key) { configuration.dataDirectory = path }
        }
    }

    private mutating func assembleSizesAndTimes(_ configuration: inout GatewayConfiguration) {
        // Up to a century.
        let age = Duration.seconds(1) ... .seconds(36_500 * 86_400)
        bytes(.profileBodyBytes, in: 1024...(1 << 30)) { configuration.maximumBodyBytes.profiles = $0 }
        bytes(.chatBodyBytes, in: 1024...(1 << 30)) { configuration.maximumBodyBytes.chat = $0 }
        bytes(.importBodyBytes, in: 1024...(1 << 30)) { configuration.maximumBodyBytes.imports = $0 }
        integer(.historyVersions, in: 1...1_000_000_000) { configuration.retention.maximumVersions = $0 }
        duration(.historyAge, in: age) { configuration.retention.maximumVersionAge = $0 }
        integer(.auditEntries, in: 1...1_000_000_000) { configuration.retention.maximumAuditEntries = $0 }
        duration(.auditAge, in: age) { configuration.retention.maximumAuditAge = $0 }
        integer(.maximumOpenTenants, in: 1...100_000) { configuration.maximumOpenTenants = $0 }
        duration(.busyTimeout, in: .zero ... .seconds(600)) { configuration.busyTimeout = $0 }
        duration(.shutdownGrace, in: .zero ... .seconds(3600)) { configuration.shutdownGrace = $0 }
        duration(.headersDeadline, in: .seconds(1) ... .seconds(3600)) { configuration.deadlines.headers = $0 }
        duration(.bodyDeadline, in: .seconds(1) ... .seconds(3600)) { configuration.deadlines.body = $0 }
        duration(.idleDeadline, in: .seconds(1) ... .seconds(3600)) { configuration.deadlines.idle = $0 }
        integer(.connectionLimit, in: 16...1_000_000) { configuration.connections.total = $0 }
        integer(.connectionsPerAddress, in: 1...1_000_000) { configuration.connections.perAddress = $0 }
        integer(.threads, in: 1...256) { configuration.threads = $0 }
        with(.logLevel) { me, node, key in
            if let level = me.decoder.choice(node, key, LogLevel.self) { configuration.log.level = level }
        }
        with(.logFormat) { me, node, key in
            if let format = me.decoder.choice(node, key, LogFormat.self) { configuration.log.format = format }
        }
    }

    private mutating func assembleBackups(_ configuration: inout GatewayConfiguration) {
        with(.backupSchedule) { me, node, key in
            me.decoder.note(key, from: node.origin)
            configuration.backups.schedule =
                node.isNull ? nil : me.decoder.parsed(node, key, CronSchedule.init(parsing:))
        }
        duration(.backupJitter, in: .zero ... .seconds(86_400)) { configuration.backups.jitter = $0 }
        with(.backupKeep) { me, node, key in
            me.decoder.note(key, from: node.origin)
            configuration.backups.keep = node.isNull ? nil : me.decoder.integer(node, key, in: 1...100_000)
        }
        with(.backupMaximumAge) { me, node, key in
            me.decoder.note(key, from: node.origin)
            guard !node.isNull else { return }
            configuration.backups.maximumAge = me.decoder.duration(
                node, key, in: .seconds(60) ... .seconds(86_400 * 36_500))
        }
        with(.backupDirectory) { me, node, key in
            configuration.backups.directory = me.decoder.parsed(node, key, Self.absoluteDirectory)
        }
        with(.sourceDirectories) { me, node, key in
            configuration.sourceDirectories = me.decoder.list(node, key).compactMap {
                me.decoder.parsed($0, key, Self.absoluteDirectory)
            }
            me.decoder.note(key, from: node.origin)
        }
        with(.backupDirectories) { me, node, key in
            configuration.backupDirectories = me.decoder.list(node, key).compactMap {
                me.decoder.parsed($0, key, Self.absoluteDirectory)
            }
            me.decoder.note(key, from: node.origin)
        }
    }

    /// Relative ones would mean another place for each way the program is started.
    private static func absoluteDirectory(_ text: String) throws(InvalidSetting) -> String {
        guard text.hasPrefix("/") else { throw InvalidSetting("must be an absolute path, not `\(text)`") }
        return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private mutating func assembleRegistryFile(_ configuration: inout GatewayConfiguration) {
        with(.profileRegistryDB) { me, node, key in
            configuration.registryFile = me.decoder.parsed(node, key, RegistryFileOptions.init(path:))
        }
        with(.profileRegistryDSN) { me, node, key in
            configuration.registryFile = me.decoder.parsed(node, key, DSN.parse)
            for remark in configuration.registryFile?.remarks ?? [] {
                me.decoder.warn(node.origin, key, remark)
            }
        }
        if configuration.registryFile != nil, configuration.defaultTenant == nil,
            let node = layers.nodes[.profileRegistryDB] ?? layers.nodes[.profileRegistryDSN]
        {
            decoder.refuse(
                node.origin, ConfigurationField.defaultTenant.rawValue,
                "a registry file is the default tenant's, and default_tenant is null")
        }
    }

    private mutating func operatorKey() -> Secret? {
        let key = ConfigurationField.operatorKey.rawValue
        guard let node = layers.nodes[.operatorKey] else { return nil }
        guard let value = layers.operatorKey else { return decoder.secret(node, key) }
        decoder.note(key, from: node.origin)
        if let problem = Secret.problem(in: value) {
            decoder.refuse(node.origin, key, "\(problem); unset it or give it a value")
            return nil
        }
        return Secret(value)
    }

    /// Others can reach us and nobody has to show a key: refused (`gateway.md §2`).
    private mutating func checkExposure(_ configuration: GatewayConfiguration) {
        // A key that could not be read has its own message.
        guard configuration.isExposed, layers.nodes[.operatorKey] == nil else { return }
        let open = configuration.listen.filter { !$0.isLoopback }.map(\.description).joined(separator: ", ")
        decoder.refuse(
            layers.nodes[.listen]?.origin ?? .builtIn, ConfigurationField.listen.rawValue,
            "\(open) can be reached from other machines and no authentication is configured; set "
                + "PROFILE_GATEWAY_OPERATOR_KEY or operator_key, or listen on 127.0.0.1")
    }

    private mutating func bytes(
        _ field: ConfigurationField, in range: ClosedRange<Int>, set: (Int) -> Void
    ) {
        if let node = layers.nodes[field], let value = decoder.bytes(node, field.rawValue, in: range) { set(value) }
    }

    private mutating func integer(
        _ field: ConfigurationField, in range: ClosedRange<Int>, set: (Int) -> Void
    ) {
        if let node = layers.nodes[field], let value = decoder.integer(node, field.rawValue, in: range) { set(value) }
    }

    private mutating func duration(
        _ field: ConfigurationField, in range: ClosedRange<Duration>, set: (Duration) -> Void
    ) {
        if let node = layers.nodes[field], let value = decoder.duration(node, field.rawValue, in: range) { set(value) }
    }
}
