import JSON

/// What writes are judged by beyond the rules that hold everywhere: known middlewares and their configurations, keys
/// of the override policy, credentials and base URLs in step settings.
///
/// The operator's configuration decides the contents; bodies carry the value, so that storage need not know it.
package struct ProfileRules: Sendable {
    package var middlewares: MiddlewareCatalog
    package var extensions: ExtensionCatalog
    /// Base URLs of the configured upstreams; a profile may name these and no others (`gateway.md §9`).
    package var upstreamBaseURLs: Set<String>

    /// Names of the configured upstreams, for section `gateway`; nil where they are not known and not checked.
    package var upstreamNames: Set<String>?

    package init(
        middlewares: MiddlewareCatalog = .builtIn, extensions: ExtensionCatalog = .builtIn,
        upstreamBaseURLs: Set<String> = [], upstreamNames: Set<String>? = nil
    ) {
        self.middlewares = middlewares
        self.extensions = extensions
        self.upstreamBaseURLs = upstreamBaseURLs
        self.upstreamNames = upstreamNames
    }

    /// Completes and judges a profile about to be written.
    ///
    /// Order: what holds everywhere, step settings, policy keys, middlewares (inline configuration moves into its
    /// slot, then every use must be known and validly configured), known extensions. Parts that a write leaves as they are stored are
    /// not judged again, so that a profile of an older file can still be renamed.
    ///
    /// - Parameter previous: what is stored now; its masked credentials (`***`) are put back.
    package func admit(_ profile: Profile, replacing previous: Profile?) throws(ValidationError) -> Profile {
        var admitted = profile
        if let previous {
            admitted.runtime = profile.runtime.unmaskingLiteralKeys(from: previous.runtime)
        }
        try admitted.validate()
        let runtimeChanged = previous.map { $0.runtime.document() != admitted.runtime.document() } ?? true
        if runtimeChanged { try judgeStepSettings(&admitted.runtime, previous: previous?.runtime) }
        if previous?.policy != admitted.policy {
            try admitted.policy.judgeKeys()
            try admitted.policy.judgeLimits()
        }
        if runtimeChanged || previous?.extensions != admitted.extensions {
            try MiddlewareProjection.project(&admitted, previous: previous)
            try judgeMiddlewares(admitted)
            try judgeExtensions(&admitted)
        }
        return admitted
    }

    private func judgeMiddlewares(_ profile: Profile) throws(ValidationError) {
        for (index, use) in (profile.runtime.middlewares.value ?? []).enumerated() {
            guard let definition = middlewares[use.name] else {
                throw ValidationError(
                    field: "runtime.middlewares[\(index)].name",
                    reason: "unknown middleware \"\(FieldPath.excerpt(use.name))\"")
            }
            let config = MiddlewareProjection.config(of: use, at: index, in: profile.extensions) ?? [:]
            do { try definition.validate(config) } catch {
                throw ValidationError(field: "runtime.middlewares[\(index)].config", reason: error.description)
            }
        }
    }

    /// Trims the names of the step settings and checks every value against the declared table.
    private func judgeStepSettings(_ runtime: inout RuntimeSpec, previous: RuntimeSpec?) throws(ValidationError) {
        guard case .set(let settings) = runtime.stepSettingsPatch else { return }
        let root = "runtime.step_settings_patch"
        var trimmed = JSONObject()
        for (rawSection, fields) in settings {
            let section = SlugText.trimmed(rawSection)
            let path = FieldPath.member(FieldPath.excerpt(section), of: root)
            guard trimmed[section] == nil else { throw ValidationError(field: path, reason: "is given twice") }
            guard case .object(let members) = fields else {
                trimmed[section] = fields
                continue
            }
            let trimmedMembers = try StepSettings.trimmed(fields: members, path: path)
            for (field, value) in trimmedMembers {
                let stored = previous?.stepSettingsPatch.value?[section]?[field]
                try judgeReference(field, value, stored: stored, section: section, path: path)
            }
            trimmed[section] = .object(trimmedMembers)
        }
        try StepSettings.validate(trimmed, path: root)
        runtime.stepSettingsPatch = .set(trimmed)
    }

    /// Literal keys are refused unless they are already stored there; base URLs and upstream names must be configured.
    private func judgeReference(
        _ field: String, _ value: JSONValue, stored: JSONValue?, section: String, path: String
    ) throws(ValidationError) {
        let path = FieldPath.member(FieldPath.excerpt(field), of: path)
        if LiteralKeys.isCredential(field: field), LiteralKeys.isLiteral(value), value != stored {
            throw ValidationError(
                field: path,
                reason: "literal provider keys are not accepted; name one of the operator's secrets as "
                    + "\"secret:<name>\" instead")
        }
        if field.hasSuffix("-base-url"), case .string(let url) = value, !SlugText.isBlank(url),
            !upstreamBaseURLs.contains(where: { Self.isSameURL($0, url) })
        {
            throw ValidationError(
                field: path, reason: "must be the base URL of a configured upstream; ask the operator to add it")
        }
        guard section == "gateway", let upstreamNames else { return }
        let names = field == "upstream" ? [value] : field == "fallback-upstreams" ? value.arrayValue ?? [] : []
        for case .string(let name) in names where !upstreamNames.contains(name) {
            let known = upstreamNames.sorted().joined(separator: ", ")
            throw ValidationError(
                field: path, reason: "unknown upstream \"\(FieldPath.excerpt(name))\" (configured: \(known))")
        }
    }

    /// Whether two base URLs differ at most in slashes at the end.
    package static func isSameURL(_ one: String, _ other: String) -> Bool {
        func stripped(_ text: String) -> Substring {
            var rest = text[...]
            while rest.last == "/" { rest = rest.dropLast() }
            return rest
        }
        return stripped(one) == stripped(other)
    }
}

extension OverridePolicy {
    /// On write the lists may only name keys there are, and no key twice in different spellings (origin D29).
    func judgeKeys() throws(ValidationError) {
        let allowed = try Self.canonical(allowedOverrideKeys ?? [], field: "policy.allowed_override_keys")
        for key in try Self.canonical(deniedOverrideKeys, field: "policy.denied_override_keys") {
            guard !allowed.contains(key) else {
                throw ValidationError(
                    field: "policy.override_keys",
                    reason: "key \"\(key.rawValue)\" appears in both allow and deny lists")
            }
        }
    }

    private static func canonical(_ keys: [String], field: String) throws(ValidationError) -> Set<OverrideKey> {
        var known: Set<OverrideKey> = []
        for (index, raw) in keys.enumerated() {
            guard let key = OverrideKey(rawValue: OverrideKey.canonicalised(raw)) else {
                throw ValidationError(
                    field: "\(field)[\(index)]",
                    reason: "unknown override key \"\(FieldPath.excerpt(raw))\" (known: "
                        + OverrideKey.allCases.map(\.rawValue).joined(separator: ", ") + ")")
            }
            known.insert(key)
        }
        return known
    }

    /// On write a limit must name a setting that a request could override, by bounds that fit its type.
    func judgeLimits() throws(ValidationError) {
        for (key, limit) in limits.sorted(by: { $0.key.precedesByBytes($1.key) }) {
            let path = "policy.limits[\(FieldPath.excerpt(key))]"
            guard let setting = StepSettings.setting(key: key),
                !OverridePolicy.isUntouchable(setting.section, setting.field)
            else { throw ValidationError(field: path, reason: "is no step setting that a request can override") }
            if limit.minimum != nil || limit.maximum != nil, !setting.isNumeric {
                throw ValidationError(field: path, reason: "min and max need a numeric setting; use enum")
            }
            for (index, choice) in (limit.choices ?? []).enumerated() where setting.normalised(choice) == nil {
                throw ValidationError(field: "\(path).enum[\(index)]", reason: setting.expectation)
            }
        }
    }
}
