import JSON

/// Layers merged so far, lowest first (origin 5.2 with D31–D36 repaired, `gateway.md §7`).
struct LayerMerge {
    private(set) var effective = EffectiveRuntime()
    private(set) var trace: TraceRecorder?
    /// Of the settings that have several names, the names that the layer at hand has used (`StepSetting.nameBit`).
    private var namesSet: UInt32 = 0

    /// - Parameters:
    ///   - base: the operator's step settings under every profile.
    ///   - explains: whether to record where each value comes from.
    init(base: JSONObject, explains: Bool) {
        if explains { trace = TraceRecorder() }
        // The operator's own table was checked with the configuration: a section of another shape sets nothing.
        for (section, fields) in base {
            set(section, fields.objectValue ?? [:], by: "config")
        }
    }

    /// Lays a profile over what is there.
    ///
    /// - Throws: where stored content has a shape that cannot be merged, naming the field of that profile.
    mutating func add(_ layer: StackExpansion.Layer) throws(ValidationError) {
        let profile = layer.profile
        let label = LineageEntry(id: layer.id, version: profile.metadata.version).label
        try add(settings: profile.runtime.stepSettingsPatch, path: "runtime.step_settings_patch", by: label)
        add(prompt: profile.runtime.systemPrompt, by: label)
        add(tools: profile.runtime.tools, by: label)
        try add(middlewares: profile.runtime.middlewares, of: profile, by: label)
        add(variables: profile.runtime.variables, by: label)
        add(extensions: profile.extensions, by: label)
        trace?.record(policy: profile.policy, by: label)
        effective.policy.restrict(by: profile.policy)
    }

    /// Lays a request's overrides over all layers; they were judged by the merged policy already.
    mutating func add(_ overrides: Overrides) throws(ValidationError) {
        let request = "request"
        if let prompt = overrides.systemPrompt { add(prompt: prompt.isEmpty ? .cleared : .set(prompt), by: request) }
        if let tools = overrides.tools { add(tools: .set(tools), by: request) }
        if let settings = overrides.stepSettings {
            try add(settings: .set(settings), path: "request_overrides.step_settings_patch", by: request)
        }
        guard let uses = overrides.middlewares else { return }
        // A use the request does not configure keeps the configuration it has in the profile.
        let replacements = uses.map { use in
            let known = effective.middlewares.filter { $0.name == use.name && (use.id == nil || $0.id == use.id) }
            let config = use.config?.objectValue ?? (known.count == 1 ? known.first?.config : nil)
            return EffectiveMiddleware(name: use.name, id: use.id, isEnabled: use.isEnabled, config: config ?? [:])
        }
        replace(middlewares: replacements, by: request)
    }

    /// Replaces the placeholders of the prompt; the last thing that happens to it.
    mutating func fillPrompt(with variables: JSONObject, path: String) throws(ValidationError) {
        let prompt = effective.systemPrompt
        let filled = try PromptTemplate.fill(prompt, effective.variables, with: variables, path: path)
        guard let filled, let prompt, !filled.hasSameBytes(as: prompt) else { return }
        effective.systemPrompt = filled
        trace?.record("/runtime/system_prompt", .string(filled), by: "request")
    }

    // MARK: - Step settings

    mutating func add(settings: Layered<JSONObject>, path: String, by layer: String) throws(ValidationError) {
        switch settings {
        case .inherited: return
        case .cleared:
            for (section, fields) in effective.stepSettings { clear(section, fields.objectValue ?? [:], by: layer) }
        case .set(let patch):
            namesSet = 0
            for (rawSection, fields) in patch {
                let section = SlugText.trimmed(rawSection)
                switch fields {
                case .null: clear(section, effective.stepSettings[section]?.objectValue ?? [:], by: layer)
                case .object(let members): set(section, members, by: layer)
                default:
                    throw ValidationError(
                        field: FieldPath.member(FieldPath.excerpt(section), of: path),
                        reason: "section patch must be an object")
                }
            }
            dropOtherNames(by: layer)
        }
    }

    /// Takes away what lower layers call by another name than this one does: a setting with two names is one setting.
    ///
    /// Within a layer both names stand, and the upstream's side chooses among them (origin 7).
    private mutating func dropOtherNames(by layer: String) {
        guard namesSet != 0 else { return }
        for (bits, names) in StepSettings.settingsOfManyNames where namesSet & bits != 0 && namesSet & bits != bits {
            for other in names where namesSet & other.nameBit == 0 {
                guard effective.setting(other.section, other.field) != nil else { continue }
                trace?.record(setting: other.section, other.field, .null, by: layer)
                effective.stepSettings.mutateObject(other.section) { $0.removeValue(forKey: other.field) }
            }
        }
    }

    private mutating func clear(_ section: String, _ fields: JSONObject, by layer: String) {
        for (field, _) in fields { trace?.record(setting: section, field, .null, by: layer) }
        effective.stepSettings.removeValue(forKey: section)
    }

    /// Sets or, by null, removes settings of one section, in the types of the declared table where they are spelled
    /// otherwise.
    private mutating func set(_ section: String, _ fields: JSONObject, by layer: String) {
        let known = StepSettings.fields(of: section)
        if trace == nil, effective.stepSettings[section] == nil, !fields.isEmpty,
            fields.allSatisfy({ !$0.value.isNull && known[$0.key]?.normalised($0.value) ?? .null == $0.value })
        {
            for setting in known.values where setting.nameBit != 0 && fields[setting.field] != nil {
                namesSet |= setting.nameBit
            }
            // The first layer that says anything about a section, in the table's own spelling: nothing to merge.
            effective.stepSettings[section] = .object(fields)
            return
        }
        var recorder = trace.take()
        var named: UInt32 = 0
        effective.stepSettings.mutateObject(section) { members in
            for (rawField, written) in fields {
                let field = SlugText.trimmed(rawField)
                let setting = known[field]
                named |= setting?.nameBit ?? 0
                let value = setting?.normalised(written) ?? written
                recorder?.record(setting: section, field, value, by: layer)
                if value.isNull { members.removeValue(forKey: field) } else { members[field] = value }
            }
        }
        trace = recorder
        namesSet |= named
    }

    // MARK: - Prompt, tools, variables

    mutating func add(prompt: Layered<String>, by layer: String) {
        switch prompt {
        case .inherited: return
        case .cleared: effective.systemPrompt = nil
        case .set(let text):
            if SlugText.isBlank(text) { return }
            effective.systemPrompt = text
        }
        trace?.record("/runtime/system_prompt", effective.systemPrompt.map(JSONValue.string) ?? .null, by: layer)
    }

    mutating func add(tools: Layered<[String]>, by layer: String) {
        switch tools {
        case .inherited: return
        case .cleared: effective.tools = nil
        case .set(let names): effective.tools = names
        }
        trace?.record("/runtime/tools", Self.document(of: effective.tools), by: layer)
    }

    private mutating func add(variables: Layered<[RuntimeSpec.NamedVariable]>, by layer: String) {
        switch variables {
        case .inherited: return
        case .cleared:
            for entry in effective.variables { trace?.record(variable: entry.name, nil, by: layer) }
            effective.variables = []
        case .set(let declared):
            for entry in declared {
                trace?.record(variable: entry.name, entry.variable, by: layer)
                effective.variables.removeAll { $0.name == entry.name }
                if entry.variable != nil { effective.variables.append(entry) }
            }
            effective.variables.sort { $0.name.precedesByBytes($1.name) }
        }
    }

    // MARK: - Middlewares

    private mutating func add(
        middlewares: Layered<[MiddlewareUse]>, of profile: Profile, by layer: String
    ) throws(ValidationError) {
        guard case .set(let uses) = middlewares, !uses.isEmpty else {
            if !middlewares.isInherited { replace(middlewares: [], by: layer) }
            return
        }
        var upper: [EffectiveMiddleware] = []
        upper.reserveCapacity(uses.count)
        var slots: JSONObject?
        for (index, use) in uses.enumerated() {
            if index == 0 || use.name != uses[index - 1].name {
                slots = MiddlewareProjection.slots(of: use.name, in: profile.extensions)
            }
            let config = MiddlewareProjection.config(of: use, at: index, slots: slots) ?? [:]
            upper.append(
                EffectiveMiddleware(name: use.name, id: use.id, isEnabled: use.isEnabled, config: config))
        }
        let (merged, changed) = try MiddlewareMerge.merging(upper, over: effective.middlewares)
        trace?.record(middlewares: effective.middlewares, become: merged, changed: changed, by: layer)
        effective.middlewares = merged
    }

    /// Puts another list in the place of the whole one.
    mutating func replace(middlewares: [EffectiveMiddleware], by layer: String) {
        trace?.record(
            middlewares: effective.middlewares, become: middlewares, changed: Array(middlewares.indices), by: layer)
        effective.middlewares = middlewares
    }

    // MARK: - Extensions

    private mutating func add(extensions: JSONObject, by layer: String) {
        for (key, value) in extensions where !Self.isMiddlewareConfig(key) {
            trace?.record(extension: key, value, over: effective.extensions[key], by: layer)
            if value.isNull {
                effective.extensions.removeValue(forKey: key)
            } else if let lower = effective.extensions[key] {
                effective.extensions[key] = lower.layered(under: value)
            } else {
                effective.extensions[key] = value
            }
        }
    }

    private static func isMiddlewareConfig(_ key: String) -> Bool {
        key.hasPrefix("middleware.") && key.hasSuffix("_config@v1")
    }

    static func document(of tools: [String]?) -> JSONValue {
        tools.map { .array($0.map(JSONValue.string)) } ?? .null
    }
}

extension JSONValue {
    /// Objects merge deeply, everything else is replaced by the upper value.
    fileprivate func layered(under upper: JSONValue) -> JSONValue {
        guard case .object(var members) = self, case .object(let above) = upper else { return upper }
        for (key, value) in above { members[key] = members[key]?.layered(under: value) ?? value }
        return .object(members)
    }
}
