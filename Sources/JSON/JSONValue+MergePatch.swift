extension JSONValue {
    /// This value with an RFC 7396 merge patch applied: objects merge deeply, null removes, anything else replaces.
    package func applying(mergePatch patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = objectValue ?? JSONObject()
        for (key, change) in changes {
            if change.isNull {
                result.removeValue(forKey: key)
            } else {
                result[key] = (result[key] ?? .null).applying(mergePatch: change)
            }
        }
        return .object(result)
    }
}
