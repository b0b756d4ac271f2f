// Which source wins: flag > environment > file > default, per setting (gateway.md §2). Nothing is decoded here, so a
// value that a stronger source replaces cannot fail the start.

/// The winning node of every setting that some source gives.
struct ConfigurationLayers {
    private(set) var nodes: [ConfigurationField: ConfigurationNode] = [:]
    /// The operator's key itself, from `PROFILE_GATEWAY_OPERATOR_KEY`.
    private(set) var operatorKey: String?

    /// Adds a source; a node replaces one of a weaker source. A null gives nothing, except that a null
    /// `default_tenant` means nobody.
    private mutating func add(_ field: ConfigurationField, _ node: ConfigurationNode) {
        if node.isNull, field != .defaultTenant, case .file = node.origin { return }
        if let present = nodes[field], present.origin.rank > node.origin.rank { return }
        nodes[field] = node
    }

    /// The settings of a file, whose root has been read.
    mutating func add(file root: ConfigurationNode, into decoder: inout SettingDecoder) {
        guard case .mapping(let entries) = root.content else {
            if !root.isNull {
                decoder.refuse(root.origin, nil, "must hold settings such as `listen: …`, not \(root.kindPhrase)")
            }
            return
        }
        for entry in entries {
            if let field = ConfigurationField(rawValue: entry.key), field.group == nil {
                add(field, entry.value)
                continue
            }
            let members = ConfigurationField.members(of: entry.key)
            if members.isEmpty {
                decoder.refuse(
                    entry.keyOrigin, entry.key,
                    "unknown key" + Suggestion.phrase(for: entry.key, among: ConfigurationField.topLevelKeys))
            } else if !entry.value.isNull {
                for (name, node) in decoder.members(entry.value, entry.key, known: members) {
                    if let field = ConfigurationField(rawValue: "\(entry.key).\(name)") { add(field, node) }
                }
            }
        }
    }

    /// The `PROFILE_GATEWAY_*` variables. One that a secret of the file or of another variable refers to is no
    /// setting.
    mutating func add(environment: [String: String], into decoder: inout SettingDecoder) {
        let prefix = ConfigurationField.environmentPrefix
        var known: [String: ConfigurationField] = [:]
        for field in ConfigurationField.allCases { known[field.environmentName] = field }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix) {
            let origin = ConfigurationOrigin.environment(name)
            if name == ConfigurationLoader.configVariable { continue }
            guard let field = known[name] else {
                let isReferred =
                    nodes.values.contains { $0.refers(to: name) }
                    || environment.values.contains { $0.contains("env:\(name)") }
                if !isReferred, !Self.isServiceLink(name, value) {
                    decoder.warn(
                        origin, nil,
                        "unknown environment variable, ignored"
                            + Suggestion.phrase(for: name, among: known.keys.sorted()))
                }
                continue
            }
            if field == .operatorKey {
                operatorKey = value
                // The node only marks the place: the value must not travel as text.
                nodes[field] = ConfigurationNode(text: "***", origin: origin)
                continue
            }
            if value.isEmpty, field.shape != .list {
                decoder.refuse(origin, field.rawValue, "is set but empty; unset it or give it a value")
                continue
            }
            do {
                add(field, try Self.node(field, value, origin))
            } catch {
                decoder.refuse(error)
            }
        }
    }

    /// The command line.
    mutating func add(flags: ConfigurationFlags) {
        for (field, node) in flags.nodes {
            if field == .operatorKey { operatorKey = nil }
            add(field, node)
        }
    }

    /// Both ways to name the registry file: an error within one source, else the stronger source's is meant.
    mutating func settleRegistryFile(into decoder: inout SettingDecoder) {
        guard let path = nodes[.profileRegistryDB], let dsn = nodes[.profileRegistryDSN] else { return }
        let (weaker, weakerNode, stronger) =
            path.origin.rank < dsn.origin.rank
            ? (ConfigurationField.profileRegistryDB, path, dsn) : (.profileRegistryDSN, dsn, path)
        if path.origin.rank == dsn.origin.rank {
            decoder.refuse(
                dsn.origin, ConfigurationField.profileRegistryDSN.rawValue,
                "names the same file as profile_registry_db (\(path.origin)); give one of the two")
        } else {
            decoder.warn(weakerNode.origin, weaker.rawValue, "is ignored: \(stronger.origin) names the registry file")
        }
        nodes[weaker] = nil
    }

    private static func node(
        _ field: ConfigurationField, _ value: String, _ origin: ConfigurationOrigin
    ) throws(ConfigurationProblem) -> ConfigurationNode {
        let isYAML = field.shape == .mapping || (field.shape == .list && value.hasPrefix("["))
        if isYAML {
            do {
                return try YAMLText.parse(value) { _, _ in origin }
            } catch {
                throw ConfigurationProblem(at: origin, key: field.rawValue, error.reason)
            }
        }
        guard field.shape == .list else { return ConfigurationNode(text: value, origin: origin) }
        let elements = value.split(separator: ",").map {
            ConfigurationNode(text: String($0).trimmingBlanks, origin: origin)
        }
        return ConfigurationNode(content: .sequence(elements), origin: origin)
    }

    /// Kubernetes gives every pod such variables for a service named `profile-gateway`.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        let rest = name.dropFirst(ConfigurationField.environmentPrefix.count)
        return rest == "SERVICE_HOST" || rest.hasPrefix("SERVICE_PORT")
            || (rest.hasPrefix("PORT") && (value.hasPrefix("tcp://") || rest.contains("_TCP")))
    }
}
