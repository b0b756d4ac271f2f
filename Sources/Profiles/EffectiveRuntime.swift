package import JSON

/// The runtime of one chat after all layers and the request's overrides: what the profile comes to.
package struct EffectiveRuntime: Sendable, Equatable {
    /// nil: no system message of the profile's.
    package var systemPrompt: String?
    /// nil: no restriction; empty: no tools.
    package var tools: [String]?
    package var middlewares: [EffectiveMiddleware]
    /// section → field → value; only what some layer set.
    package var stepSettings: JSONObject
    package var policy: OverridePolicy
    /// Without the slots of middleware configurations, which stand with the middlewares.
    package var extensions: JSONObject
    /// Declared placeholders of the system prompt, by name.
    package var variables: [RuntimeSpec.NamedVariable]

    package init(
        systemPrompt: String? = nil, tools: [String]? = nil, middlewares: [EffectiveMiddleware] = [],
        stepSettings: JSONObject = [:], policy: OverridePolicy = OverridePolicy(), extensions: JSONObject = [:],
        variables: [RuntimeSpec.NamedVariable] = []
    ) {
        self.systemPrompt = systemPrompt
        self.tools = tools
        self.middlewares = middlewares
        self.stepSettings = stepSettings
        self.policy = policy
        self.extensions = extensions
        self.variables = variables
    }

    /// A step setting, as in `setting("ai-chat", "ai-engine")`.
    package func setting(_ section: String, _ field: String) -> JSONValue? { stepSettings[section]?[field] }

    /// The `effective` of `POST /api/chat/resolve` (`gateway.md §7`); literal credentials masked.
    package func document() -> JSONValue {
        var object: JSONObject = [
            "system_prompt": systemPrompt.map(JSONValue.string) ?? .null,
            "tools": LayerMerge.document(of: tools),
            "middlewares": .array(middlewares.map { $0.document() }),
            "step_settings": .object(LiteralKeys.masking(stepSettings)),
            "policy": policy.document(always: true),
            "extensions": .object(extensions),
        ]
        if !variables.isEmpty { object["variables"] = variablesDocument() }
        return .object(object)
    }

    func variablesDocument() -> JSONValue {
        var table = JSONObject()
        for entry in variables { table[entry.name] = entry.variable?.document() ?? .null }
        return .object(table)
    }
}

/// One middleware of an effective runtime with its configuration.
package struct EffectiveMiddleware: Sendable, Equatable {
    package var name: String
    package var id: String?
    package var isEnabled: Bool
    /// As written in the slot; the definition's defaults are the middleware's own business.
    package var config: JSONObject

    package init(name: String, id: String? = nil, isEnabled: Bool = true, config: JSONObject = [:]) {
        self.name = name
        self.id = id
        self.isEnabled = isEnabled
        self.config = config
    }

    package func document() -> JSONValue {
        var object: JSONObject = ["name": .string(name)]
        if let id { object["id"] = .string(id) }
        object["enabled"] = .bool(isEnabled)
        if !config.isEmpty { object["config"] = .object(config) }
        return .object(object)
    }
}
