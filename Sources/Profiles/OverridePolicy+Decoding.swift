import JSON

extension OverridePolicy {
    init(_ source: ObjectReader, origin: DocumentOrigin) throws(FieldError) {
        var reader = source
        self.init()
        allowOverrides = try reader.bool("allow_overrides")
        allowedOverrideKeys = try reader.strings("allowed_override_keys")
        deniedOverrideKeys = try reader.strings("denied_override_keys") ?? []
        readOnly = try reader.bool("read_only") ?? false
        if let action = try reader.string("on_denied") {
            guard let known = DenialAction(rawValue: action) else {
                throw FieldError(path: reader.path(of: "on_denied"), reason: "must be \"reject\" or \"ignore\"")
            }
            onDenied = known
        }
        limits = try SettingLimit.table(try reader.object("limits") ?? [:], path: reader.path(of: "limits"))
        passUnknown = try reader.bool("pass_unknown")
        try reader.finish()
        if origin == .foreign, allowedOverrideKeys?.isEmpty == true { allowedOverrideKeys = nil }
    }
}

extension SettingLimit {
    static func table(_ object: JSONObject, path: String) throws(FieldError) -> [String: SettingLimit] {
        var limits: [String: SettingLimit] = [:]
        for (raw, value) in object {
            let key = SlugText.trimmed(raw)
            let path = "\(path)[\(FieldPath.excerpt(key))]"
            guard limits[key] == nil else { throw FieldError(path: path, reason: "is given twice") }
            limits[key] = try SettingLimit(ObjectReader(value, path: path))
        }
        return limits
    }

    private init(_ source: ObjectReader) throws(FieldError) {
        var reader = source
        self.init(
            minimum: try Self.number("min", &reader), maximum: try Self.number("max", &reader),
            choices: try reader.array("enum"))
        try reader.finish()
        if let low = minimum?.double, let high = maximum?.double, low > high {
            throw FieldError(path: reader.path, reason: "min must not be above max")
        }
    }

    private static func number(_ key: String, _ reader: inout ObjectReader) throws(FieldError) -> JSONNumber? {
        guard let value = reader.value(key), !value.isNull else { return nil }
        guard let number = value.numberValue, number.double != nil else {
            throw FieldError(path: reader.path(of: key), reason: "must be a finite number")
        }
        return number
    }
}
