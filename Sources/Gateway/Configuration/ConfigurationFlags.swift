// What the command line said, before it is checked: flags are the strongest layer of the configuration.

/// Settings given as flags; `nil` or empty = not given.
package struct ConfigurationFlags: Sendable {
    /// `--config`: the file to read in place of `config/gateway.yaml`; it must exist.
    package var configPath: String?
    /// `--listen` (alias `--addr`), in order.
    package var listen: [String] = []
    package var dataDirectory: String?
    package var defaultTenant: String?
    package var operatorKeyFile: String?
    package var profileRegistryDB: String?
    package var profileRegistryDSN: String?
    package var logLevel: String?
    package var logFormat: String?

    package init() {}

    /// The flags as nodes of the settings they set.
    var nodes: [ConfigurationField: ConfigurationNode] {
        var nodes: [ConfigurationField: ConfigurationNode] = [:]
        if !listen.isEmpty {
            let origin = ConfigurationOrigin.flag("--listen")
            nodes[.listen] = ConfigurationNode(
                content: .sequence(listen.map { ConfigurationNode(text: $0, origin: origin) }), origin: origin)
        }
        let singles: [(ConfigurationField, String, String?)] = [
            (.dataDirectory, "--data-dir", dataDirectory),
            (.defaultTenant, "--default-tenant", defaultTenant),
            (.operatorKey, "--operator-key-file", operatorKeyFile.map { "file:" + $0 }),
            (.profileRegistryDB, "--profile-registry-db", profileRegistryDB),
            (.profileRegistryDSN, "--profile-registry-dsn", profileRegistryDSN),
            (.logLevel, "--log-level", logLevel),
            (.logFormat, "--log-format", logFormat),
        ]
        for case (let field, let flag, let text?) in singles {
            nodes[field] = ConfigurationNode(text: text, origin: .flag(flag))
        }
        return nodes
    }
}
