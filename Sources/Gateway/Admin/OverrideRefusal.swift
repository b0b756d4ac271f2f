package import JSON
internal import Profiles

/// Why a profile's policy refused an override, and which layers say so.
package struct OverrideRefusal: Sendable, Equatable {
    /// What was asked for, as in `ai-chat.ai-temperature = 1.7`.
    package let refused: String
    /// What stands against it, as in `max 1.0`.
    package let rule: String
    /// The layers that say so, lowest first; empty when it is no layer's word but always so.
    package let layers: [String]

    /// - Parameters:
    ///   - problem: the error object of the refusal.
    ///   - overrides: what the request asked for.
    ///   - trace: the `trace` of the same resolution without overrides.
    package init?(problem: JSONObject, overrides: JSONObject, trace: JSONValue) {
        guard problem["code"]?.stringValue == "policy_violation", let param = problem["param"]?.stringValue,
            param.hasPrefix("request_overrides.")
        else { return nil }
        let key = String(param.dropFirst("request_overrides.".count))
        let policy = PolicyTrace(trace)
        let setting = key.hasPrefix("step_settings_patch.") ? String(key.dropFirst(20)) : nil
        let top = String(key.prefix { $0 != "." })
        refused = Self.asked(setting: setting, top: top, overrides)

        if let (rule, layers) = policy.refusal(ofKey: top) {
            (self.rule, self.layers) = (rule, layers)
        } else if let setting, let (rule, layers) = policy.bound(of: setting) {
            (self.rule, self.layers) = (rule, layers)
        } else {
            (rule, layers) = ("can never be overridden by a request", [])
        }
    }

    private static func asked(setting: String?, top: String, _ overrides: JSONObject) -> String {
        let isTop = { (raw: String) in OverrideKey.canonicalised(raw) == top }
        guard let value = overrides.first(where: { isTop($0.key) })?.value else { return setting ?? top }
        guard let setting, let dot = setting.firstIndex(of: ".") else { return top + " = " + text(value) }
        let (section, field) = (setting[..<dot], setting[setting.index(after: dot)...])
        let inner = value.objectValue?.first { $0.key.trimmingBlanks == section }?.value
        let asked = inner?.objectValue?.first { $0.key.trimmingBlanks == field }?.value
        return asked.map { setting + " = " + text($0) } ?? setting
    }

    fileprivate static func text(_ value: JSONValue) -> String { String(decoding: value.encoded(), as: UTF8.self) }
}

/// The policy's part of a trace.
private struct PolicyTrace {
    private let entries: [String: JSONValue]

    init(_ trace: JSONValue) {
        var entries: [String: JSONValue] = [:]
        for entry in trace.arrayValue ?? [] {
            if let path = entry["path"]?.stringValue { entries[path] = entry }
        }
        self.entries = entries
    }

    /// The rule against a whole key, in the order the policy judges.
    func refusal(ofKey key: String) -> (rule: String, layers: [String])? {
        let allows = entries["/policy/allow_overrides"]
        if allows?["value"]?.boolValue != true {
            let layers = layers(of: allows) { $0.boolValue == false }
            return (layers.isEmpty ? "no layer allows overrides" : "allow_overrides: false", layers)
        }
        let denied = entries["/policy/denied_override_keys"]
        if Self.list(denied?["value"], has: key) {
            return ("denied_override_keys has \(key)", layers(of: denied) { Self.list($0, has: key) })
        }
        let allowed = entries["/policy/allowed_override_keys"]
        if let allowed, allowed["value"]?.arrayValue != nil, !Self.list(allowed["value"], has: key) {
            return ("allowed_override_keys lacks \(key)", layers(of: allowed) { !Self.list($0, has: key) })
        }
        return nil
    }

    /// The bounds of a setting, its other names included, and who says the narrowest ones.
    func bound(of setting: String) -> (rule: String, layers: [String])? {
        for name in StepSettings.aliases(of: setting) {
            let entry = entries["/policy/limits/" + JSONPointer.escaped(name)]
            guard let entry, let bounds = entry["value"]?.objectValue, !bounds.isEmpty else { continue }
            let parts = bounds.map { "\($0.key) \(OverrideRefusal.text($0.value))" }
            let said = layers(of: entry) { step in
                bounds.contains { name, bound in name == "enum" ? step[name] != nil : step[name] == bound }
            }
            return ((name == setting ? "" : "\(name): ") + parts.joined(separator: ", "), said)
        }
        return nil
    }

    private func layers(of entry: JSONValue?, where says: (JSONValue) -> Bool) -> [String] {
        (entry?["steps"]?.arrayValue ?? []).compactMap { step in
            guard let value = step["value"], says(value) else { return nil }
            return step["layer"]?.stringValue
        }
    }

    private static func list(_ value: JSONValue?, has key: String) -> Bool {
        value?.arrayValue?.contains { $0.stringValue.map(OverrideKey.canonicalised) == key } ?? false
    }
}
