package import JSON

extension Profile {
    /// The profile as it is stored and exported: lossless, nothing masked (origin 2.1).
    package func storedDocument() -> JSONValue {
        var object: JSONObject = ["slug": .string(slug.rawValue)]
        appendContent(to: &object, runtime: runtime.document(), policy: policy.document(always: false))
        object["metadata"] = metadata.document()
        if !extensions.isEmpty { object["extensions"] = .object(extensions) }
        return .object(object)
    }

    /// The document `GET …/profiles/{slug}` answers (origin 3.3): literal credentials masked as `***`.
    package func document(registry: RegistrySlug, isDefault: Bool) -> JSONValue {
        var object: JSONObject = ["registry": .string(registry.rawValue), "slug": .string(slug.rawValue)]
        appendContent(
            to: &object, runtime: runtime.maskingLiteralKeys().document(), policy: policy.document(always: true))
        object["metadata"] = metadata.document()
        if !extensions.isEmpty { object["extensions"] = .object(extensions) }
        object["is_default"] = .bool(isDefault)
        return .object(object)
    }

    /// The entry of the profile list (origin 3.1).
    ///
    /// - Parameter includesPrompts: whether the reader's role may see the prompt and the extensions (`gateway.md §5`).
    package func listItem(registry: RegistrySlug, isDefault: Bool, includesPrompts: Bool) -> JSONValue {
        var object: JSONObject = ["registry": .string(registry.rawValue), "slug": .string(slug.rawValue)]
        if !displayName.isEmpty { object["display_name"] = .string(displayName) }
        if !description.isEmpty { object["description"] = .string(description) }
        if includesPrompts {
            if let prompt = runtime.systemPrompt.value { object["default_prompt"] = .string(prompt) }
            if !extensions.isEmpty { object["extensions"] = .object(extensions) }
        }
        if isDefault { object["is_default"] = true }
        if metadata.version > 0 { object["version"] = .number(JSONNumber(metadata.version)) }
        if metadata.updatedAtMs > 0 { object["updated_at_ms"] = .number(JSONNumber(metadata.updatedAtMs)) }
        return .object(object)
    }

    private func appendContent(to object: inout JSONObject, runtime: JSONValue, policy: JSONValue) {
        if !displayName.isEmpty { object["display_name"] = .string(displayName) }
        if !description.isEmpty { object["description"] = .string(description) }
        if !stack.isEmpty { object["stack"] = .array(stack.map { $0.document() }) }
        object["runtime"] = runtime
        object["policy"] = policy
    }
}

extension ProfileReference {
    package func document() -> JSONValue {
        var object = JSONObject()
        if let registry { object["registry_slug"] = .string(registry.rawValue) }
        object["profile_slug"] = .string(profile.rawValue)
        return .object(object)
    }
}

extension Layered {
    /// Adds the part under its key: nothing when inherited, null when cleared.
    func append(_ key: String, to object: inout JSONObject, _ encode: (Value) -> JSONValue) {
        switch self {
        case .inherited: break
        case .cleared: object[key] = .null
        case .set(let value): object[key] = encode(value)
        }
    }
}

extension RuntimeSpec {
    package func document() -> JSONValue {
        var object = JSONObject()
        stepSettingsPatch.append("step_settings_patch", to: &object, JSONValue.object)
        systemPrompt.append("system_prompt", to: &object, JSONValue.string)
        middlewares.append("middlewares", to: &object) { .array($0.map { $0.document() }) }
        tools.append("tools", to: &object) { .array($0.map(JSONValue.string)) }
        variables.append("variables", to: &object) { variables in
            var entries = JSONObject()
            for entry in variables { entries[entry.name] = entry.variable?.document() ?? .null }
            return .object(entries)
        }
        return .object(object)
    }
}

extension MiddlewareUse {
    package func document() -> JSONValue {
        var object: JSONObject = ["name": .string(name)]
        if let id { object["id"] = .string(id) }
        if let enabled { object["enabled"] = .bool(enabled) }
        if let config { object["config"] = config }
        return .object(object)
    }
}

extension PromptVariable {
    package func document() -> JSONValue {
        var object: JSONObject = ["type": .string(kind.rawValue)]
        if required { object["required"] = true }
        if let value = `default` { object["default"] = value }
        if !description.isEmpty { object["description"] = .string(description) }
        return .object(object)
    }
}

extension OverridePolicy {
    /// - Parameter always: whether `allow_overrides` is written although this layer does not say.
    package func document(always: Bool) -> JSONValue {
        var object = JSONObject()
        if let allowOverrides {
            object["allow_overrides"] = .bool(allowOverrides)
        } else if always {
            object["allow_overrides"] = false
        }
        if let keys = allowedOverrideKeys { object["allowed_override_keys"] = .array(keys.map(JSONValue.string)) }
        if !deniedOverrideKeys.isEmpty {
            object["denied_override_keys"] = .array(deniedOverrideKeys.map(JSONValue.string))
        }
        object["read_only"] = .bool(readOnly)
        if let onDenied { object["on_denied"] = .string(onDenied.rawValue) }
        if !limits.isEmpty {
            var table = JSONObject()
            for (key, limit) in limits.sorted(by: { $0.key.precedesByBytes($1.key) }) {
                table[key] = limit.document()
            }
            object["limits"] = .object(table)
        }
        if let passUnknown { object["pass_unknown"] = .bool(passUnknown) }
        return .object(object)
    }
}

extension SettingLimit {
    package func document() -> JSONValue {
        var object = JSONObject()
        if let minimum { object["min"] = .number(minimum) }
        if let maximum { object["max"] = .number(maximum) }
        if let choices { object["enum"] = .array(choices) }
        return .object(object)
    }
}
