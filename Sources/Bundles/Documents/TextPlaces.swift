import JSON

/// Where a document of registries has text and nothing else.
///
/// YAML reads `slug: 123` and `display_name: 2026` as numbers; in these places the origin takes a scalar as it is
/// written, and so do we (origin 2.2). Everywhere else a number stays a number.
indirect enum TextPlaces: Sendable {
    case anything
    case text
    case list(TextPlaces)
    /// Every member of a mapping.
    case each(TextPlaces)
    case fields([String: TextPlaces])

    static let registry = TextPlaces.fields([
        "slug": .text, "display_name": .text, "description": .text, "default_profile_slug": .text,
        "metadata": metadata, "profiles": .each(profile),
    ])

    private static let profile = TextPlaces.fields([
        "slug": .text, "display_name": .text, "description": .text, "metadata": metadata,
        "stack": .list(.fields(["registry_slug": .text, "profile_slug": .text])),
        "runtime": .fields([
            "system_prompt": .text, "tools": .list(.text),
            "middlewares": .list(.fields(["name": .text, "id": .text])),
            "variables": .each(.fields(["type": .text, "description": .text])),
        ]),
        "policy": .fields([
            "allowed_override_keys": .list(.text), "denied_override_keys": .list(.text), "on_denied": .text,
        ]),
    ])

    private static let metadata = TextPlaces.fields([
        "source": .text, "created_by": .text, "updated_by": .text, "tags": .list(.text),
    ])
}

extension YAMLNode {
    func json(_ places: TextPlaces) -> JSONValue {
        switch (places, content) {
        case (.text, .scalar(let scalar)):
            return scalar.value.isNull ? .null : .string(scalar.text)
        case (.list(let element), .sequence(let nodes)):
            return .array(nodes.map { $0.json(element) })
        case (.each(let member), .mapping(let entries)):
            var object = JSONObject(minimumCapacity: entries.count)
            for entry in entries { object[entry.key] = entry.value.json(member) }
            return .object(object)
        case (.fields(let fields), .mapping(let entries)):
            var object = JSONObject(minimumCapacity: entries.count)
            for entry in entries { object[entry.key] = entry.value.json(fields[entry.key] ?? .anything) }
            return .object(object)
        default: return json
        }
    }
}
