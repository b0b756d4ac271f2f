import JSON
import Patterns
import Profiles

/// `redact`: masks sensitive texts on the way up, and with `restore` puts them back on the way down.
///
/// Masked are the profile's prompt as it is when this middleware's turn comes, all messages with the text parts of their
/// contents, tool results, the arguments of tool calls, and what `RequestTexts` lists beside them: names of authors and
/// files, `user` and its kin, metadata, stop sequences, descriptions. Not masked is what could not work then (there too).
struct RedactMiddleware: ChatMiddleware {
    private let masker: Masker
    private let restores: Bool

    static func kind() throws(ValidationError) -> MiddlewareKind {
        let names = SensitiveFinder.Named.allCases.map { JSONValue.string($0.rawValue) }
        let custom: JSONValue = [
            "type": "object",
            "properties": [
                "name": [
                    "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,31}$",
                    "description": "Names the placeholders: `ticket` gives [TICKET_1].",
                ],
                "pattern": [
                    "type": "string", "minLength": 1, "maxLength": 1000,
                    "description": "A regular expression in the syntax of RE2.",
                ],
                "ignore_case": ["type": "boolean", "default": false],
            ],
            "required": ["name", "pattern"], "additionalProperties": false,
        ]
        return try MiddlewareKind(
            name: "redact", displayName: "Redact",
            description: "Masks sensitive texts before they go upstream, and on request puts them back in the answer.",
            schema: [
                "type": "object",
                "properties": [
                    "patterns": [
                        "type": "array", "items": ["enum": .array(names)], "uniqueItems": true,
                        "default": .array(names),
                        "description": "Which kinds to mask; numbers count only when their check digits are right.",
                    ],
                    "custom": [
                        "type": "array", "items": custom, "maxItems": 32, "default": [],
                        "description": "Further texts to mask.",
                    ],
                    "restore": [
                        "type": "boolean", "default": false,
                        "description": "Put the originals back for their placeholders in the answer.",
                    ],
                ],
                "additionalProperties": false,
            ]
        ) { config throws(JSONSchemaViolation) in try RedactMiddleware(config) }
    }

    private init(_ config: JSONObject) throws(JSONSchemaViolation) {
        restores = config["restore"]?.boolValue ?? false
        var finders: [SensitiveFinder] = []
        let chosen = config["patterns"]?.arrayValue ?? []
        for named in SensitiveFinder.Named.allCases where chosen.contains(.string(named.rawValue)) {
            do { finders.append(try named.finder()) } catch {
                throw JSONSchemaViolation(path: "patterns", reason: error.description)
            }
        }
        for (index, entry) in (config["custom"]?.arrayValue ?? []).enumerated() {
            let path = FieldPath.element(index, of: "custom")
            let finder = try Self.finder(entry, path: path)
            let isNamed = SensitiveFinder.Named.allCases.contains { $0.label == finder.label }
            guard !isNamed, !finders.contains(where: { $0.label == finder.label }) else {
                throw JSONSchemaViolation(
                    path: "\(path).name", reason: "there is a pattern of that name already (case does not count)")
            }
            finders.append(finder)
        }
        masker = Masker(finders: finders)
    }

    private static func finder(_ entry: JSONValue, path: String) throws(JSONSchemaViolation) -> SensitiveFinder {
        var options = Pattern.Options()
        options.isCaseInsensitive = entry["ignore_case"]?.boolValue ?? false
        let pattern: Pattern
        do { pattern = try Pattern.shared(entry["pattern"]?.stringValue ?? "", options: options) } catch {
            throw JSONSchemaViolation(path: "\(path).pattern", reason: error.description)
        }
        guard !pattern.matches("") else {
            throw JSONSchemaViolation(
                path: "\(path).pattern", reason: "matches the empty text; write it so that it needs a character")
        }
        return SensitiveFinder(
            label: (entry["name"]?.stringValue ?? "").uppercased(), pattern: pattern,
            maximumCandidates: Masker.maximumFinds)
    }

    func makeSession() -> any MiddlewareSession { RedactSession(masker: masker, restores: restores) }
}
