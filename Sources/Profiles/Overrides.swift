import JSON

/// A request's `overrides`, canonicalised, judged and typed (origin 4.3): keys first, then the policy, then types.
struct Overrides {
    private static let root = "request_overrides"

    /// nil: not overridden. An empty prompt clears.
    private(set) var systemPrompt: String?
    private(set) var middlewares: [MiddlewareUse]?
    private(set) var tools: [String]?
    private(set) var stepSettings: JSONObject?

    /// - Throws: `.validation` for bad keys and types, `.policy` for what the merged policy forbids.
    init(
        _ requested: JSONObject, policy: OverridePolicy, profile: ProfileSlug, middlewares catalog: MiddlewareCatalog
    ) throws(ResolutionError) {
        let canonical: [(key: String, value: JSONValue)]
        do { canonical = try Self.canonicalised(requested) } catch { throw .validation(error) }
        for (key, value) in canonical {
            try Self.judge(key, value, by: policy, of: profile)
        }
        for (key, value) in canonical {
            do { try decode(key, value, catalog) } catch { throw .validation(error) }
        }
        for (section, fields) in stepSettings ?? [:] {
            for (field, value) in fields.objectValue ?? [:] {
                guard let setting = StepSettings.setting(section, field) else { continue }
                if let reason = policy.limitViolation(of: setting, setting.normalised(value) ?? value) {
                    throw .policy(
                        PolicyViolation(
                            profile: profile, field: "\(Self.root).step_settings_patch.\(section).\(field)",
                            reason: "override of " + reason))
                }
            }
        }
    }

    private static func canonicalised(
        _ requested: JSONObject
    ) throws(ValidationError) -> [(key: String, value: JSONValue)] {
        var canonical: [(key: String, value: JSONValue)] = []
        var seen: Set<String> = []
        for (raw, value) in requested {
            let key = OverrideKey.canonicalised(raw)
            guard !key.isEmpty else {
                throw ValidationError(field: root, reason: "override keys must not be empty")
            }
            guard seen.insert(key).inserted else {
                throw ValidationError(
                    field: FieldPath.member(FieldPath.excerpt(key), of: root),
                    reason: "duplicate override key after canonicalization")
            }
            canonical.append((key, value))
        }
        return canonical
    }

    private static func judge(
        _ key: String, _ value: JSONValue, by policy: OverridePolicy, of profile: ProfileSlug
    ) throws(ResolutionError) {
        let path = FieldPath.member(FieldPath.excerpt(key), of: root)
        if let reason = policy.refusal(of: FieldPath.excerpt(key)) {
            throw .policy(PolicyViolation(profile: profile, field: path, reason: reason))
        }
        guard key == OverrideKey.stepSettingsPatch.rawValue else { return }
        for (rawSection, fields) in value.objectValue ?? [:] {
            let section = SlugText.trimmed(rawSection)
            for rawField in fields.objectValue.map({ Array($0.keys) }) ?? [] {
                let field = SlugText.trimmed(rawField)
                guard OverridePolicy.isUntouchable(section, field) else { continue }
                let name = FieldPath.excerpt("\(section).\(field)")
                throw .policy(
                    PolicyViolation(
                        profile: profile, field: "\(path).\(name)",
                        reason: "\"\(name)\" can never be overridden by a request"))
            }
        }
    }

    private mutating func decode(
        _ key: String, _ value: JSONValue, _ catalog: MiddlewareCatalog
    ) throws(ValidationError) {
        let path = FieldPath.member(FieldPath.excerpt(key), of: Self.root)
        guard let known = OverrideKey(rawValue: key) else {
            throw ValidationError(field: path, reason: "unsupported override key")
        }
        switch known {
        case .systemPrompt:
            guard case .string(let text) = value else { throw ValidationError(field: path, reason: "must be a string") }
            systemPrompt = text
        case .tools: tools = try Self.tools(value, path: path)
        case .middlewares: middlewares = try Self.middlewares(value, path: path, catalog)
        case .stepSettingsPatch: stepSettings = try Self.stepSettings(value, path: path)
        }
    }

    private static func tools(_ value: JSONValue, path: String) throws(ValidationError) -> [String] {
        guard case .array(let elements) = value else { throw ValidationError(field: path, reason: "must be an array") }
        let names = try reading { () throws(FieldError) in try ObjectReader.strings(elements, path: path) }
        for (index, name) in names.enumerated() where SlugText.isBlank(name) {
            throw ValidationError(field: "\(path)[\(index)]", reason: "must not be empty")
        }
        return names
    }

    private static func middlewares(
        _ value: JSONValue, path: String, _ catalog: MiddlewareCatalog
    ) throws(ValidationError) -> [MiddlewareUse] {
        guard case .array(let elements) = value else { throw ValidationError(field: path, reason: "must be an array") }
        for (index, element) in elements.enumerated() {
            // An id of another type counts as blank here, unlike in documents.
            if let id = element["id"], !id.isNull, id.stringValue == nil {
                throw ValidationError(field: "\(path)[\(index)].id", reason: "must not be empty")
            }
        }
        let uses = try reading { () throws(FieldError) in try MiddlewareUse.list(elements, path: path) }
        try RuntimeSpec.validate(middlewares: uses, path: path)
        for (index, use) in uses.enumerated() {
            guard let definition = catalog[use.name] else {
                throw ValidationError(
                    field: "\(path)[\(index)].name", reason: "unknown middleware \"\(FieldPath.excerpt(use.name))\"")
            }
            guard let config = use.config else { continue }
            guard case .object(let members) = config else {
                throw ValidationError(field: "\(path)[\(index)].config", reason: "must be an object")
            }
            do { try definition.validate(members) } catch {
                throw ValidationError(field: "\(path)[\(index)].config", reason: error.description)
            }
        }
        return uses
    }

    /// The patch with trimmed names; null takes a setting away, a null section is refused.
    private static func stepSettings(_ value: JSONValue, path: String) throws(ValidationError) -> JSONObject {
        guard case .object(let sections) = value else {
            throw ValidationError(field: path, reason: "must be an object")
        }
        var trimmed = JSONObject()
        for (rawSection, fields) in sections {
            let section = SlugText.trimmed(rawSection)
            let sectionPath = FieldPath.member(FieldPath.excerpt(section), of: path)
            guard case .object(let members) = fields else {
                throw ValidationError(field: sectionPath, reason: "must be an object")
            }
            guard trimmed[section] == nil else {
                throw ValidationError(field: sectionPath, reason: "section is given twice")
            }
            trimmed[section] = .object(try StepSettings.trimmed(fields: members, path: sectionPath))
        }
        try StepSettings.validate(trimmed, path: path)
        return trimmed
    }
}

extension StepSettings {
    /// The fields of one section under trimmed names.
    static func trimmed(fields: JSONObject, path: String) throws(ValidationError) -> JSONObject {
        var trimmed = JSONObject()
        for (rawField, value) in fields {
            let field = SlugText.trimmed(rawField)
            guard trimmed[field] == nil else {
                throw ValidationError(
                    field: FieldPath.member(FieldPath.excerpt(field), of: path), reason: "is given twice")
            }
            trimmed[field] = value
        }
        return trimmed
    }
}
