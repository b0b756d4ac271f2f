package import JSON

extension ProfileMetadata {
    init(_ source: ObjectReader) throws(FieldError) {
        var reader = source
        self.init(
            source: try reader.string("source") ?? "", version: try reader.uint64("version") ?? 0,
            createdAtMs: try reader.int64("created_at_ms") ?? 0, updatedAtMs: try reader.int64("updated_at_ms") ?? 0,
            createdBy: try reader.string("created_by") ?? "", updatedBy: try reader.string("updated_by") ?? "",
            tags: try reader.strings("tags") ?? [])
        try reader.finish()
    }

    /// The document, each field only where it says something.
    package func document() -> JSONValue {
        var object = JSONObject()
        if !source.isEmpty { object["source"] = .string(source) }
        if version != 0 { object["version"] = .number(JSONNumber(version)) }
        if createdAtMs != 0 { object["created_at_ms"] = .number(JSONNumber(createdAtMs)) }
        if updatedAtMs != 0 { object["updated_at_ms"] = .number(JSONNumber(updatedAtMs)) }
        if !createdBy.isEmpty { object["created_by"] = .string(createdBy) }
        if !updatedBy.isEmpty { object["updated_by"] = .string(updatedBy) }
        if !tags.isEmpty { object["tags"] = .array(tags.map(JSONValue.string)) }
        return .object(object)
    }
}
