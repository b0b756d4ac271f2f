package import JSON

/// The declared table of step settings, and the checks of documents against it.
package enum StepSettings {
    /// The setting of that name; names match exactly.
    package static func setting(_ section: String, _ field: String) -> StepSetting? { table[section]?[field] }

    /// The settings of a section by field; empty for a section there is not.
    static func fields(of section: String) -> [String: StepSetting] { table[section] ?? [:] }

    /// The setting that a limit's key (`section.field`) names.
    package static func setting(key: String) -> StepSetting? { byKey[key] }

    /// Every setting, sorted by section and field.
    package static let all: [StepSetting] = declared.sorted {
        $0.section == $1.section ? $0.field.precedesByBytes($1.field) : $0.section.precedesByBytes($1.section)
    }

    /// Settings that mean the same to the upstream: a bound on one of them holds for all, and what a layer says about
    /// one takes the place of what the layers below say about any.
    package static func aliases(of key: String) -> [String] {
        aliasGroups.first { $0.contains(key) } ?? [key]
    }

    /// The settings with several names: all of the names' bits, and the names.
    static let settingsOfManyNames: [(bits: UInt32, names: [StepSetting])] = aliasGroups.map { group in
        let names = group.compactMap { byKey[$0] }
        return (names.reduce(0) { $0 | $1.nameBit }, names)
    }

    /// Everything wrong with a table of section → field → value, in its order; empty when it is fine.
    ///
    /// - Parameter path: where the table stands, as in `runtime.step_settings_patch`.
    package static func violations(of settings: JSONObject, path: String) -> [ValidationError] {
        var found: [ValidationError] = []
        forEach(in: settings, path: path) { found.append($0) }
        return found
    }

    /// - Throws: the first thing that is wrong.
    package static func validate(_ settings: JSONObject, path: String) throws(ValidationError) {
        if let first = violations(of: settings, path: path).first { throw first }
    }

    private static func forEach(in settings: JSONObject, path: String, _ report: (ValidationError) -> Void) {
        for (rawSection, fields) in settings {
            let section = SlugText.trimmed(rawSection)
            if section.isEmpty {
                report(ValidationError(field: path, reason: "section slug cannot be empty"))
                continue
            }
            let sectionPath = FieldPath.member(FieldPath.excerpt(section), of: path)
            guard let known = table[section] else {
                let names = sections.joined(separator: ", ")
                report(
                    ValidationError(
                        field: sectionPath,
                        reason: "unknown section \"\(FieldPath.excerpt(section))\" (known: \(names))"))
                continue
            }
            if fields.isNull { continue }
            guard case .object(let members) = fields else {
                report(ValidationError(field: sectionPath, reason: "section patch must be an object"))
                continue
            }
            for (rawField, value) in members {
                judge(SlugText.trimmed(rawField), value, known, sectionPath, report)
            }
        }
    }

    private static func judge(
        _ field: String, _ value: JSONValue, _ known: [String: StepSetting], _ sectionPath: String,
        _ report: (ValidationError) -> Void
    ) {
        if field.isEmpty { return report(ValidationError(field: sectionPath, reason: "field name cannot be empty")) }
        let path = FieldPath.member(FieldPath.excerpt(field), of: sectionPath)
        guard let setting = known[field] else {
            return report(ValidationError(field: path, reason: "unknown setting \"\(FieldPath.excerpt(field))\""))
        }
        if !value.isNull, setting.normalised(value) == nil {
            report(ValidationError(field: path, reason: setting.expectation))
        }
    }

    private static let table: [String: [String: StepSetting]] = Dictionary(grouping: byKey.values, by: \.section)
        .mapValues { Dictionary($0.map { ($0.field, $0) }, uniquingKeysWith: { first, _ in first }) }

    private static let byKey: [String: StepSetting] = {
        var settings = Dictionary(declared.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for (index, name) in aliasGroups.joined().enumerated() { settings[name]?.nameBit = 1 << UInt32(index) }
        return settings
    }()

    private static let sections: [String] = table.keys.sorted()

    private static let aliasGroups: [[String]] = [
        ["ai-chat.ai-temperature", "ai-inference.inference-temperature"],
        ["ai-chat.ai-top-p", "ai-inference.inference-top-p"],
        ["ai-chat.ai-max-response-tokens", "ai-inference.inference-max-response-tokens"],
        ["ai-chat.ai-stop", "ai-inference.inference-stop"],
        ["openai-chat.openai-reasoning-effort", "ai-inference.inference-reasoning-effort"],
        ["openai-chat.openai-reasoning-summary", "ai-inference.inference-reasoning-summary"],
    ]
}
