import JSON

/// The texts of a request outside its messages' contents that say something of people or go to the model: who asks,
/// what describes tools and schemas, names of files.
///
/// Left alone is what has to stay as it is to work: names of tools, keys, `enum`, `const`, `default` and `examples` of
/// schemas, URLs, encoded files, images and sound, and members this gateway does not know.
enum RequestTexts {
    typealias Transform<Failure: Error> = (String) throws(Failure) -> String?

    /// Rewrites every such text of a body; nil from `transform` keeps it.
    static func rewrite<Failure: Error>(_ body: inout JSONObject, _ transform: Transform<Failure>) throws(Failure) {
        for key in ["user", "safety_identifier", "prompt_cache_key"] {
            try put(&body, key) { value throws(Failure) in try text(value, transform) }
        }
        for key in ["metadata", "stop"] {
            try put(&body, key) { value throws(Failure) in try allTexts(value, transform) }
        }
        try put(&body, "web_search_options") { value throws(Failure) in
            try member("user_location", of: value) { value throws(Failure) in try allTexts(value, transform) }
        }
        try put(&body, "tools") { value throws(Failure) in
            try elements(of: value) { tool throws(Failure) in
                let function = try member("function", of: tool) { value throws(Failure) in
                    try described(value, schema: "parameters", transform)
                }
                return try member("custom", of: function ?? tool) { value throws(Failure) in
                    try described(value, schema: nil, transform)
                } ?? function
            }
        }
        try put(&body, "functions") { value throws(Failure) in
            try elements(of: value) { function throws(Failure) in
                try described(function, schema: "parameters", transform)
            }
        }
        try put(&body, "response_format") { value throws(Failure) in
            try member("json_schema", of: value) { value throws(Failure) in
                try described(value, schema: "schema", transform)
            }
        }
    }

    /// Rewrites the name of a message's author and those of the files in it; nil when all were kept.
    static func rewriting<Failure: Error>(
        message: JSONValue, _ transform: Transform<Failure>
    ) throws(Failure) -> JSONValue? {
        // The name of a `function` message is that of a function.
        let named =
            message["role"]?.stringValue == "function"
            ? nil
            : try member("name", of: message) { value throws(Failure) in try text(value, transform) }
        return try member("content", of: named ?? message) { content throws(Failure) in
            try elements(of: content) { part throws(Failure) in
                try member("file", of: part) { file throws(Failure) in
                    try member("filename", of: file) { value throws(Failure) in try text(value, transform) }
                }
            }
        } ?? named
    }

    // MARK: walking

    private typealias Rewriting<Failure: Error> = (JSONValue) throws(Failure) -> JSONValue?

    private static func put<Failure: Error>(
        _ members: inout JSONObject, _ key: String, _ rewriting: Rewriting<Failure>
    ) throws(Failure) {
        if let value = members[key], let new = try rewriting(value) { members[key] = new }
    }

    private static func member<Failure: Error>(
        _ key: String, of value: JSONValue, _ rewriting: Rewriting<Failure>
    ) throws(Failure) -> JSONValue? {
        guard case .object(var members) = value, let old = members[key], let new = try rewriting(old) else {
            return nil
        }
        members[key] = new
        return .object(members)
    }

    private static func elements<Failure: Error>(
        of value: JSONValue, _ rewriting: Rewriting<Failure>
    ) throws(Failure) -> JSONValue? {
        guard case .array(var elements) = value else { return nil }
        var isChanged = false
        for index in elements.indices {
            guard let new = try rewriting(elements[index]) else { continue }
            elements[index] = new
            isChanged = true
        }
        return isChanged ? .array(elements) : nil
    }

    private static func values<Failure: Error>(
        of value: JSONValue, _ rewriting: Rewriting<Failure>
    ) throws(Failure) -> JSONValue? {
        guard case .object(var members) = value else { return nil }
        var isChanged = false
        for (key, value) in members {
            guard let new = try rewriting(value) else { continue }
            members[key] = new
            isChanged = true
        }
        return isChanged ? .object(members) : nil
    }

    private static func text<Failure: Error>(
        _ value: JSONValue, _ transform: Transform<Failure>
    ) throws(Failure) -> JSONValue? {
        guard case .string(let text) = value, let new = try transform(text) else { return nil }
        return .string(new)
    }

    /// Every string in a value; keys stay.
    private static func allTexts<Failure: Error>(
        _ value: JSONValue, _ transform: Transform<Failure>
    ) throws(Failure) -> JSONValue? {
        switch value {
        case .string: try text(value, transform)
        case .array: try elements(of: value) { value throws(Failure) in try allTexts(value, transform) }
        case .object: try values(of: value) { value throws(Failure) in try allTexts(value, transform) }
        case .null, .bool, .number: nil
        }
    }

    /// The description of a tool or a format, and those in its schema.
    private static func described<Failure: Error>(
        _ value: JSONValue, schema key: String?, _ transform: Transform<Failure>
    ) throws(Failure) -> JSONValue? {
        let described = try member("description", of: value) { value throws(Failure) in try text(value, transform) }
        guard let key else { return described }
        return try member(key, of: described ?? value) { value throws(Failure) in
            try annotations(of: value, transform)
        } ?? described
    }

    /// `title`, `description` and `$comment` of a schema and of all schemas in it.
    private static func annotations<Failure: Error>(
        of schema: JSONValue, _ transform: Transform<Failure>
    ) throws(Failure) -> JSONValue? {
        guard case .object(var members) = schema else { return nil }
        var isChanged = false
        for (key, value) in members {
            let new: JSONValue?
            switch key {
            case "title", "description", "$comment": new = try text(value, transform)
            case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
                new = try values(of: value) { value throws(Failure) in try annotations(of: value, transform) }
            case "allOf", "anyOf", "oneOf", "prefixItems":
                new = try elements(of: value) { value throws(Failure) in try annotations(of: value, transform) }
            case "items":
                // One schema, or in older drafts a list of them.
                if case .array = value {
                    new = try elements(of: value) { value throws(Failure) in try annotations(of: value, transform) }
                } else {
                    new = try annotations(of: value, transform)
                }
            case "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
                "unevaluatedItems", "unevaluatedProperties":
                new = try annotations(of: value, transform)
            default: new = nil
            }
            guard let new else { continue }
            members[key] = new
            isChanged = true
        }
        return isChanged ? .object(members) : nil
    }
}
