extension Profile {
    /// The rules every profile obeys wherever it comes from (origin 2.6): runtime (middlewares, then tools), policy.
    ///
    /// Slug, stack references and extension keys are right by their types. What only writes must obey is in
    /// ``ProfileRules``.
    package func validate() throws(ValidationError) {
        try runtime.validate()
        try policy.validate()
    }
}

extension RuntimeSpec {
    func validate() throws(ValidationError) {
        try Self.validate(middlewares: middlewares.value ?? [], path: "runtime.middlewares")
        for (index, tool) in (tools.value ?? []).enumerated() where SlugText.isBlank(tool) {
            throw ValidationError(field: "runtime.tools[\(index)]", reason: "must not be empty")
        }
    }

    /// Names and ids are not blank, and no id is used twice, across all names.
    static func validate(middlewares: [MiddlewareUse], path: String) throws(ValidationError) {
        var firstUse: [String: Int] = [:]
        for (index, use) in middlewares.enumerated() {
            if SlugText.isBlank(use.name) {
                throw ValidationError(field: "\(path)[\(index)].name", reason: "must not be empty")
            }
            guard let id = use.id else { continue }
            if SlugText.isBlank(id) {
                throw ValidationError(field: "\(path)[\(index)].id", reason: "must not be empty")
            }
            if let first = firstUse[id] {
                throw ValidationError(
                    field: "\(path)[\(index)].id",
                    reason: "duplicate middleware instance id \"\(id)\" (first seen at \(path)[\(first)].id)")
            }
            firstUse[id] = index
        }
    }
}

extension OverridePolicy {
    func validate() throws(ValidationError) {
        try Self.refuseBlank(allowedOverrideKeys ?? [], field: "policy.allowed_override_keys")
        try Self.refuseBlank(deniedOverrideKeys, field: "policy.denied_override_keys")
        let allowed = Set((allowedOverrideKeys ?? []).map(SlugText.trimmed))
        for key in deniedOverrideKeys.map(SlugText.trimmed) where allowed.contains(key) {
            throw ValidationError(
                field: "policy.override_keys", reason: "key \"\(key)\" appears in both allow and deny lists")
        }
    }

    private static func refuseBlank(_ keys: [String], field: String) throws(ValidationError) {
        for (index, key) in keys.enumerated() where SlugText.isBlank(key) {
            throw ValidationError(field: "\(field)[\(index)]", reason: "must not be empty")
        }
    }
}
