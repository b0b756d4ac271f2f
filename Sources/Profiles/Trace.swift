package import JSON

/// Where every value of an effective runtime comes from, layer by layer (`gateway.md §7`, origin 5.3).
package struct Trace: Sendable, Equatable {
    /// What one layer said about one path.
    package struct Step: Sendable, Equatable {
        /// `registry/slug@version`, `config` for the operator's base layer, `request` for the overrides.
        package let layer: String
        /// null: the layer took the value away.
        package let value: JSONValue
    }

    package struct Entry: Sendable, Equatable {
        /// A JSON pointer, as in `/runtime/step_settings_patch/ai-chat/ai-engine`.
        package let path: String
        /// What it came to.
        package let value: JSONValue
        /// Every layer that said something, lowest first.
        package let steps: [Step]
    }

    /// Sorted by path.
    package let entries: [Entry]

    package subscript(path: String) -> Entry? { entries.first { $0.path == path } }

    package func document() -> JSONValue {
        .array(
            entries.map { entry in
                [
                    "path": .string(entry.path), "value": entry.value,
                    "steps": .array(entry.steps.map { ["layer": .string($0.layer), "value": $0.value] }),
                ]
            })
    }
}
