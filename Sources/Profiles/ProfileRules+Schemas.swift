package import JSON

/// What is advertised about writes: exactly what ``ProfileRules`` enforces (origin 3.8).
extension ProfileRules {
    /// The answer of `GET /api/chat/schemas/middlewares`, sorted by name.
    package func middlewareSchemas() -> JSONValue { .array(middlewares.all.map { $0.document() }) }

    /// The answer of `GET /api/chat/schemas/extensions`, sorted by key; a registered extension beats a middleware's.
    package func extensionSchemas() -> JSONValue {
        let registered = extensions.all
        let configs = middlewares.all.compactMap(\.configExtension)
            .filter { extensions[$0.key] == nil }
        return .array(
            (registered + configs).sorted { $0.key < $1.key }.compactMap { definition in
                definition.schema.map { ["key": .string(definition.key.rawValue), "schema": $0] }
            })
    }

    /// Brings every known extension into its stored form; unknown ones stay as they are.
    func judgeExtensions(_ profile: inout Profile) throws(ValidationError) {
        let configs = Dictionary(
            middlewares.all.compactMap { $0.configExtension.map { ($0.key, $0) } },
            uniquingKeysWith: { first, _ in first })
        for (name, value) in profile.extensions {
            let key = try ExtensionKey(validating: name)
            guard let definition = extensions[key] ?? configs[key] else { continue }
            profile.extensions[name] = try definition.decode(value)
        }
    }
}
