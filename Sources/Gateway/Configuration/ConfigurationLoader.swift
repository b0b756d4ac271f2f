// Reads the outside world into a GatewayConfiguration: the file, the environment (injected: this product reads it in
// one place only) and the flags. Every problem is reported at once, and nothing has been opened or created by then.

/// A configuration together with how it came about.
package struct LoadedConfiguration: Sendable {
    package let configuration: GatewayConfiguration
    /// The file that was read, if any.
    package let file: String?
    /// What is accepted but deserves attention; to be logged at start.
    package let warnings: [ConfigurationProblem]
    /// Every setting with its value and where that came from.
    package let report: ConfigurationReport
}

/// Loader of configurations; loading twice gives a fresh look at files, for SIGHUP.
package struct ConfigurationLoader: Sendable {
    /// Read if present when neither `--config` nor `PROFILE_GATEWAY_CONFIG` names a file.
    package static let defaultPath = "config/gateway.yaml"
    static let configVariable = "PROFILE_GATEWAY_CONFIG"

    private let environment: [String: String]
    private let files: any ConfigurationFiles

    package init(environment: [String: String], files: any ConfigurationFiles = DiskFiles()) {
        self.environment = environment
        self.files = files
    }

    /// Reads everything and checks it.
    ///
    /// - Parameter readsSecrets: false leaves secrets alone, for commands that only look for the running server: what
    ///   the server reads need not be readable, or even set, for whoever calls them.
    package func load(
        _ flags: ConfigurationFlags = ConfigurationFlags(), readsSecrets: Bool = true
    ) throws(ConfigurationErrors) -> LoadedConfiguration {
        let secretReader = SecretReader(environment: environment, files: files, isReading: readsSecrets)
        var decoder = SettingDecoder(secretReader: secretReader)
        var layers = ConfigurationLayers()
        let file = addFile(flags, to: &layers, into: &decoder)
        layers.add(environment: environment, into: &decoder)
        layers.add(flags: flags)
        layers.settleRegistryFile(into: &decoder)

        var assembler = ConfigurationAssembler(layers: layers, decoder: decoder)
        let configuration = assembler.assemble()
        guard assembler.decoder.problems.isEmpty else {
            throw ConfigurationErrors(problems: assembler.decoder.problems.sorted())
        }
        return LoadedConfiguration(
            configuration: configuration, file: file, warnings: assembler.decoder.warnings,
            report: ConfigurationReport(configuration, origins: assembler.decoder.origins))
    }

    /// Adds the file's settings; returns the path of the file that was read.
    private func addFile(
        _ flags: ConfigurationFlags, to layers: inout ConfigurationLayers, into decoder: inout SettingDecoder
    ) -> String? {
        let path: String
        let asked: ConfigurationOrigin?
        if let flag = flags.configPath {
            (path, asked) = (flag, .flag("--config"))
        } else if let variable = environment[Self.configVariable] {
            (path, asked) = (variable, .environment(Self.configVariable))
        } else {
            (path, asked) = (Self.defaultPath, nil)
        }
        let origin = asked ?? .file(path: path, line: 1, column: 1)
        do {
            guard let text = try files.configurationFile(path) else {
                if let asked { decoder.refuse(asked, nil, "configuration file \(path) does not exist") }
                return nil
            }
            let root = try YAMLText.parse(text) { .file(path: path, line: $0, column: $1) }
            layers.add(file: root, into: &decoder)
        } catch let error as InvalidSetting {
            decoder.refuse(origin, nil, error.reason)
        } catch let problem as ConfigurationProblem {
            decoder.refuse(problem)
        } catch {
            decoder.refuse(origin, nil, "cannot be read: \(error)")
        }
        return path
    }
}
