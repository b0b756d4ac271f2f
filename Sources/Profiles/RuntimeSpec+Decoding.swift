import JSON

extension RuntimeSpec {
    init(_ source: ObjectReader, origin: DocumentOrigin) throws(FieldError) {
        var reader = source
        self.init()
        stepSettingsPatch = try Self.layered("step_settings_patch", &reader) { (reader) throws(FieldError) in
            try reader.object("step_settings_patch")
        }
        if case .set(let patch) = stepSettingsPatch, patch.isEmpty { stepSettingsPatch = .inherited }
        systemPrompt = try Self.layered("system_prompt", &reader) { (reader) throws(FieldError) in
            try reader.string("system_prompt")
        }
        if case .set(let prompt) = systemPrompt, prompt.isEmpty { systemPrompt = .inherited }
        middlewares = try Self.layered("middlewares", &reader) { (reader) throws(FieldError) in
            guard let elements = try reader.array("middlewares") else { return nil }
            return try MiddlewareUse.list(elements, path: reader.path(of: "middlewares"))
        }
        tools = try Self.layered("tools", &reader) { (reader) throws(FieldError) in try reader.strings("tools") }
        variables = try Self.layered("variables", &reader) { (reader) throws(FieldError) in
            guard let object = try reader.object("variables") else { return nil }
            return try NamedVariable.list(object, path: reader.path(of: "variables"))
        }
        try reader.finish()
        if origin == .foreign {
            if middlewares.value?.isEmpty == true { middlewares = .inherited }
            if tools.value?.isEmpty == true { tools = .inherited }
        }
    }

    private static func layered<Value>(
        _ key: String, _ reader: inout ObjectReader,
        _ read: (inout ObjectReader) throws(FieldError) -> Value?
    ) throws(FieldError) -> Layered<Value> {
        guard let raw = reader.value(key) else { return .inherited }
        if raw.isNull { return .cleared }
        return try read(&reader).map(Layered.set) ?? .cleared
    }
}

extension MiddlewareUse {
    static func list(_ elements: [JSONValue], path: String) throws(FieldError) -> [MiddlewareUse] {
        var uses: [MiddlewareUse] = []
        uses.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            var reader = try ObjectReader(element, path: FieldPath.element(index, of: path))
            let name = SlugText.trimmed(try reader.string("name") ?? "")
            let id = try reader.string("id").map(SlugText.trimmed)
            let enabled = try reader.bool("enabled")
            let config = reader.value("config").flatMap { $0.isNull ? nil : $0 }
            try reader.finish()
            uses.append(MiddlewareUse(name: name, id: id, enabled: enabled, config: config))
        }
        return uses
    }
}

extension RuntimeSpec.NamedVariable {
    static func list(_ object: JSONObject, path: String) throws(FieldError) -> [Self] {
        var variables: [Self] = []
        for (name, value) in object.sortedByKey() {
            let path = FieldPath.member(FieldPath.excerpt(name), of: path)
            guard PromptVariable.isName(name) else {
                throw FieldError(
                    path: path,
                    reason: "variable names are 1 to 64 letters, digits, '_', '-' or '.', starting with a letter or '_'"
                )
            }
            variables.append(
                Self(name: name, variable: value.isNull ? nil : try PromptVariable(ObjectReader(value, path: path))))
        }
        return variables
    }
}

extension PromptVariable {
    init(_ source: ObjectReader) throws(FieldError) {
        var reader = source
        self.init()
        if let name = try reader.string("type") {
            guard let kind = Kind(rawValue: name) else {
                throw FieldError(
                    path: reader.path(of: "type"),
                    reason: "must be one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
            }
            self.kind = kind
        }
        required = try reader.bool("required") ?? false
        description = try reader.string("description") ?? ""
        if let value = reader.value("default"), !value.isNull {
            guard kind.accepts(value) else {
                throw FieldError(path: reader.path(of: "default"), reason: "must be of type \(kind.rawValue)")
            }
            `default` = value
        }
        try reader.finish()
    }
}
