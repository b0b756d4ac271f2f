package import JSON

/// Filling the placeholders `{{name}}` of a system prompt: plain substitution, once, no logic (`gateway.md §7`).
package enum PromptTemplate {
    /// How long a filled prompt may get: few bytes of a request could otherwise ask for any amount of memory.
    package static let maximumBytes = 4 << 20

    /// The prompt with every declared placeholder replaced; text in double braces that is not declared stays.
    ///
    /// Values are never looked at again, so a value that contains a placeholder is just text.
    ///
    /// - Parameters:
    ///   - given: the request's variables; null counts as not given, under a declared name.
    ///   - path: where they stand in the request, as in `prompt.variables`.
    /// - Throws: at `<path>.<name>` for a variable that is not declared, of the wrong type, or required and missing; at
    ///   `path` when the prompt would get longer than ``maximumBytes``.
    package static func fill(
        _ prompt: String?, _ declared: [RuntimeSpec.NamedVariable], with given: JSONObject, path: String
    ) throws(ValidationError) -> String? {
        var texts: [String: [UInt8]] = [:]
        let kinds = Dictionary(
            declared.compactMap { entry in entry.variable.map { (entry.name, $0) } }, uniquingKeysWith: { $1 })
        for (name, value) in given {
            let field = FieldPath.member(FieldPath.excerpt(name), of: path)
            guard let variable = kinds[name] else {
                throw ValidationError(field: field, reason: "the profile declares no such variable")
            }
            if value.isNull { continue }
            guard variable.kind.accepts(value) else {
                throw ValidationError(field: field, reason: "must be of type \(variable.kind.rawValue)")
            }
            texts[name] = text(of: value)
        }
        for entry in declared {
            guard let variable = entry.variable, texts[entry.name] == nil else { continue }
            if variable.required, variable.default == nil {
                throw ValidationError(
                    field: FieldPath.member(entry.name, of: path), reason: "is required by the profile and missing")
            }
            texts[entry.name] = variable.default.map(text(of:)) ?? []
        }
        guard let prompt, !texts.isEmpty else { return prompt }
        guard let filled = substituting(texts, in: prompt) else {
            throw ValidationError(
                field: path, reason: "the system prompt would be longer than \(maximumBytes) bytes with these values")
        }
        return filled
    }

    private static func text(of value: JSONValue) -> [UInt8] {
        if case .string(let text) = value { return Array(text.utf8) }
        return value.encoded()
    }

    /// nil when the result would be too long.
    private static func substituting(_ texts: [String: [UInt8]], in prompt: String) -> String? {
        let bytes = Array(prompt.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            if let (name, end) = placeholder(in: bytes, at: position), let text = texts[name] {
                guard result.count + text.count <= maximumBytes else { return nil }
                result.append(contentsOf: text)
                position = end
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The name between the double braces that open at `start`, and where they end; names are at most 64 bytes.
    private static func placeholder(in bytes: [UInt8], at start: Int) -> (name: String, end: Int)? {
        let open = UInt8(ascii: "{")
        let close = UInt8(ascii: "}")
        guard start + 4 < bytes.count, bytes[start] == open, bytes[start + 1] == open else { return nil }
        // Blanks around the name are allowed; the limit keeps a prompt of open braces from costing its square.
        let limit = min(bytes.count, start + 84)
        guard let end = bytes[(start + 2)..<limit].firstIndex(of: close), end + 1 < bytes.count, bytes[end + 1] == close
        else { return nil }
        let name = SlugText.trimmed(String(decoding: bytes[(start + 2)..<end], as: UTF8.self))
        return PromptVariable.isName(name) ? (name, end + 2) : nil
    }
}
