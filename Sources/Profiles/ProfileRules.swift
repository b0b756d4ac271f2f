import JSON

/// What writes are judged by beyond the rules that hold everywhere: known middlewares and their configurations, keys
/// of the override policy, credentials and base URLs in step settings.
///
/// The operator's configuration decides the contents; bodies carry the value, so that storage need not know it.
package struct ProfileRules: Sendable {
    package var middlewares: MiddlewareCatalog
    /// Base URLs of the configured upstreams; a profile may name these and no others (`gateway.md §9`).
    package var upstreamBaseURLs: Set<String>

    package init(middlewares: MiddlewareCatalog = .builtIn, upstreamBaseURLs: Set<String> = []) {
        self.middlewares = middlewares
        self.upstreamBaseURLs = upstreamBaseURLs
    }

    /// Completes and judges a profile about to be written.
    ///
    /// Order: what holds everywhere, step settings, policy keys, middlewares (inline configuration moves into its
    /// slot, then every use must be known and validly configured). Parts that a write leaves as they are stored are
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
        if runtimeChanged { try judgeStepSettings(admitted.runtime, previous: previous?.runtime) }
        if previous?.policy != admitted.policy { try admitted.policy.judgeKeys() }
        if runtimeChanged || previous?.extensions != admitted.extensions {
            try MiddlewareProjection.project(&admitted, previous: previous)
            try judgeMiddlewares(admitted)
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

    private func judgeStepSettings(_ runtime: RuntimeSpec, previous: RuntimeSpec?) throws(ValidationError) {
        guard case .set(let settings) = runtime.stepSettingsPatch else { return }
        let root = "runtime.step_settings_patch"
        for (section, fields) in settings {
            if SlugText.isBlank(section) {
                throw ValidationError(field: root, reason: "section slug cannot be empty")
            }
            let path = "\(root).\(FieldPath.excerpt(section))"
            if fields.isNull { continue }
            guard case .object(let members) = fields else {
                throw ValidationError(field: path, reason: "section patch must be an object")
            }
            for (field, value) in members {
                if SlugText.isBlank(field) { throw ValidationError(field: path, reason: "field name cannot be empty") }
                let stored = previous?.stepSettingsPatch.value?[section]?[field]
                try judgeCredentials(field, value, stored: stored, path: "\(path).\(FieldPath.excerpt(field))")
            }
        }
    }

    /// Literal keys are refused unless they are already stored there; base URLs must be a configured upstream's.
    private func judgeCredentials(
        _ field: String, _ value: JSONValue, stored: JSONValue?, path: String
    ) throws(ValidationError) {
        if LiteralKeys.isCredential(field: field), LiteralKeys.isLiteral(value), value != stored {
            throw ValidationError(
                field: path,
                reason: "literal provider keys are not accepted; name one of the operator's secrets as "
                    + "\"secret:<name>\" instead")
        }
        guard field.hasSuffix("-base-url"), case .string(let url) = value, !SlugText.isBlank(url) else { return }
        guard upstreamBaseURLs.contains(where: { Self.isSameURL($0, url) }) else {
            throw ValidationError(
                field: path, reason: "must be the base URL of a configured upstream; ask the operator to add it")
        }
    }

    /// Whether two base URLs differ at most in slashes at the end.
    static func isSameURL(_ one: String, _ other: String) -> Bool {
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
}
