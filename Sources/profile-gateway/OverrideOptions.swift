import ArgumentParser
import JSON

/// What a request asks of a profile beyond the prompt: overrides and the values of its variables.
struct OverrideOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "One override: SECTION.FIELD=VALUE for a step setting, else KEY=VALUE. A value is JSON, or text. "
                + "May be repeated.", valueName: "key=value"))
    var override: [String] = []

    @Option(name: .long, help: ArgumentHelp("Overrides as a JSON object.", valueName: "json"))
    var overrides: String?

    @Option(
        name: .customLong("var"),
        help: ArgumentHelp(
            "The value of a variable of the prompt: JSON, or text. May be repeated.", valueName: "name=value"))
    var variables: [String] = []

    func validate() throws { _ = try (document(), variableValues()) }

    /// The request's `overrides`; nil for none.
    func document() throws -> JSONObject? {
        var document = JSONObject()
        if let overrides {
            guard case .object(let object)? = try? JSONValue(parsing: overrides) else {
                throw ValidationError("--overrides must be a JSON object, as in '{\"system_prompt\":\"…\"}'")
            }
            document = object
        }
        for pair in override {
            let (key, value) = try Self.pair(pair, option: "--override")
            guard let dot = key.firstIndex(of: ".") else {
                document[key] = key == "system_prompt" ? .string(value.text) : value.json
                continue
            }
            document.mutateObject("step_settings_patch") { sections in
                sections.mutateObject(String(key[..<dot])) { $0[String(key[key.index(after: dot)...])] = value.json }
            }
        }
        return document.isEmpty ? nil : document
    }

    func variableValues() throws -> JSONObject? {
        var values = JSONObject()
        for pair in variables {
            let (name, value) = try Self.pair(pair, option: "--var")
            values[name] = value.json
        }
        return values.isEmpty ? nil : values
    }

    private struct Value {
        let text: String
        /// What the text is as JSON, else the text itself.
        var json: JSONValue { (try? JSONValue(parsing: text)) ?? .string(text) }
    }

    private static func pair(_ text: String, option: String) throws -> (String, Value) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ValidationError("\(option) \(text.debugDescription): give it as name=value")
        }
        return (String(text[..<equals]), Value(text: String(text[text.index(after: equals)...])))
    }
}
