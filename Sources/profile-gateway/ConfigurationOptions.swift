// Options that several commands share.

import ArgumentParser
import FoundationEssentials
import Gateway

/// `--config` and the flags that override single settings.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Configuration file. Default: config/gateway.yaml if present.", valueName: "path"))
    var config: String?

    @Option(
        name: [.customLong("listen"), .customLong("addr")],
        help: ArgumentHelp(
            "Address to listen on: 127.0.0.1:8080, [::1]:8080, :8080 (every interface) or unix:PATH. May be repeated.",
            valueName: "address"))
    var listen: [String] = []

    @Option(name: .long, help: ArgumentHelp("Directory of all tenants' files. Default: ./data", valueName: "path"))
    var dataDir: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Who answers without a tenant in the request. Default: default", valueName: "tenant"))
    var defaultTenant: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "File (0600) with the operator's key; PROFILE_GATEWAY_OPERATOR_KEY holds the key itself.",
            valueName: "path"))
    var operatorKeyFile: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Registry file of the default tenant, as a path; never read as a URI.", valueName: "path"))
    var profileRegistryDb: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The same as a DSN, e.g. \"file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on\"",
            valueName: "dsn"))
    var profileRegistryDsn: String?

    @Option(
        name: .long,
        help: ArgumentHelp("trace, debug, info, notice, warning, error or critical. Default: info", valueName: "level"))
    var logLevel: String?

    @Option(
        name: .long,
        help: ArgumentHelp("auto, json or text. Default: text on a terminal, else json", valueName: "format"))
    var logFormat: String?

    /// The options as the strongest layer of the configuration.
    var flags: ConfigurationFlags {
        var flags = ConfigurationFlags()
        flags.configPath = config
        flags.listen = listen
        flags.dataDirectory = dataDir
        flags.defaultTenant = defaultTenant
        flags.operatorKeyFile = operatorKeyFile
        flags.profileRegistryDB = profileRegistryDb
        flags.profileRegistryDSN = profileRegistryDsn
        flags.logLevel = logLevel
        flags.logFormat = logFormat
        return flags
    }

    /// The one place of the product that reads the environment.
    static func loader() -> ConfigurationLoader {
        ConfigurationLoader(environment: ProcessInfo.processInfo.environment)
    }

    /// Loads, or fails with every problem on a line of its own.
    static func load(_ flags: ConfigurationFlags) throws(CommandFailure) -> LoadedConfiguration {
        do {
            return try loader().load(flags)
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    init(_ errors: ConfigurationErrors) {
        self.init(message: errors.description, status: errors.isUsageError ? .usage : .failed)
    }
}
