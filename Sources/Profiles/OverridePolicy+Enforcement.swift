package import JSON

extension OverridePolicy {
    /// Why this merged policy refuses an override of that key; nil if it allows it. Deny beats allow (origin 4.3).
    func refusal(of key: String) -> String? {
        guard allowOverrides ?? false else {
            return "request overrides are disabled for this profile (profile does not allow engine overrides)"
        }
        if deniedOverrideKeys.contains(key) { return "override key \"\(key)\" is denied" }
        if let allowed = allowedOverrideKeys, !allowed.contains(key) { return "override key \"\(key)\" is not allowed" }
        return nil
    }

    /// Why the limits refuse a value for a setting, or its removal (null); nil if they allow it.
    ///
    /// A limit on a setting holds for every other setting that means the same to the upstream.
    func limitViolation(of setting: StepSetting, _ value: JSONValue) -> String? {
        for key in StepSettings.aliases(of: setting.key) {
            guard let limit = limits[key] else { continue }
            if let text = limit.violation(of: value) { return "\"\(setting.key)\" \(text)" }
        }
        return nil
    }

    /// Whether requests can never touch the setting, whatever the policy says (`gateway.md §7`).
    static func isUntouchable(_ section: String, _ field: String) -> Bool {
        section == "gateway" || LiteralKeys.isCredential(field: field)
            || SlugText.lowercased(field).hasSuffix("-base-url")
    }
}

extension SettingLimit {
    /// What a value breaks, naming the value and the bound; nil if it is within them.
    func violation(of value: JSONValue) -> String? {
        let shown = FieldPath.excerpt(String(decoding: value.encoded(), as: UTF8.self))
        if value.isNull { return "is bounded and cannot be removed" }
        if let choices, !choices.contains(where: { $0.isSameQuantity(as: value) }) {
            let list = choices.map { String(decoding: $0.encoded(), as: UTF8.self) }.joined(separator: ", ")
            return "= \(shown) is not among the allowed values \(list.isEmpty ? "(none)" : list)"
        }
        guard minimum != nil || maximum != nil else { return nil }
        guard let number = value.numberValue?.double else { return "= \(shown) is no number within its bounds" }
        if let minimum, let low = minimum.double, number < low {
            return "= \(shown) is below the minimum \(minimum.text)"
        }
        if let maximum, let high = maximum.double, number > high {
            return "= \(shown) is above the maximum \(maximum.text)"
        }
        return nil
    }
}

/// The sampling fields of an OpenAI client's own body, which count as overrides of step settings (`gateway.md §8`).
package enum ClientField {
    /// The setting a body member stands for; nil if it is no sampling field.
    package static func setting(for member: String) -> StepSetting? {
        settings[member].flatMap { StepSettings.setting(key: $0) }
    }

    /// The names of all sampling fields.
    package static var names: [String] { settings.keys.sorted() }

    private static let settings: [String: String] = [
        "temperature": "ai-inference.inference-temperature", "top_p": "ai-inference.inference-top-p",
        "max_tokens": "ai-inference.inference-max-response-tokens",
        "max_completion_tokens": "ai-inference.inference-max-response-tokens",
        "seed": "ai-inference.inference-seed", "stop": "ai-inference.inference-stop",
        "reasoning_effort": "ai-inference.inference-reasoning-effort", "n": "openai-chat.openai-n",
        "presence_penalty": "openai-chat.openai-presence-penalty",
        "frequency_penalty": "openai-chat.openai-frequency-penalty", "logit_bias": "openai-chat.openai-logit-bias",
        "parallel_tool_calls": "openai-chat.openai-parallel-tool-calls",
    ]
}

extension EffectiveRuntime {
    /// Why the policy refuses a client's own sampling field; nil if it allows it or the member is none.
    ///
    /// The caller rejects the request or drops the field, as `policy.on_denied` says. A null is as good as absent.
    package func refusal(ofClientField member: String, _ value: JSONValue) -> String? {
        guard let setting = ClientField.setting(for: member), !value.isNull else { return nil }
        if let reason = policy.refusal(of: OverrideKey.stepSettingsPatch.rawValue) { return reason }
        // A stop list may be one text; a value the table does not know is left to the upstream unless it is bounded.
        return policy.limitViolation(of: setting, setting.normalised(value) ?? value)
    }
}
