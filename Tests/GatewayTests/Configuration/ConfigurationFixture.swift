import Gateway

/// Configuration files that exist only in a test.
struct MemoryFiles: ConfigurationFiles {
    var files: [String: String] = [:]

    func configurationFile(_ path: String) throws(InvalidSetting) -> String? {
        files[path]
    }

    func secretFile(_ path: String) throws(InvalidSetting) -> String {
        guard let text = files[path] else { throw InvalidSetting("secret file \(path) does not exist") }
        return text
    }
}

/// Loads `yaml` as config/gateway.yaml.
func load(
    _ yaml: String? = nil, environment: [String: String] = [:], flags: ConfigurationFlags = ConfigurationFlags(),
    files extra: [String: String] = [:]
) throws(ConfigurationErrors) -> LoadedConfiguration {
    var files = extra
    files["config/gateway.yaml"] = yaml
    return try ConfigurationLoader(environment: environment, files: MemoryFiles(files: files)).load(flags)
}

/// The messages a configuration is refused with; empty = it was accepted.
func problems(
    _ yaml: String? = nil, environment: [String: String] = [:], flags: ConfigurationFlags = ConfigurationFlags(),
    files: [String: String] = [:]
) -> [String] {
    do {
        _ = try load(yaml, environment: environment, flags: flags, files: files)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

/// Flags with one thing set.
func flags(_ set: (inout ConfigurationFlags) -> Void) -> ConfigurationFlags {
    var flags = ConfigurationFlags()
    set(&flags)
    return flags
}
