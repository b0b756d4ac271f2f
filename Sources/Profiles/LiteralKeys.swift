package import JSON

/// Provider credentials in step settings: profiles may only name the operator's secrets (`gateway.md §9`).
package enum LiteralKeys {
    /// What stands for a literal key wherever it is shown.
    package static let mask = "***"

    /// Whether a step setting of that name holds a credential; spelled in any case, with dashes or underscores.
    package static func isCredential(field: String) -> Bool {
        let trimmed = SlugText.trimmed(field)
        guard let last = trimmed.utf8.last, last | 0x20 == UInt8(ascii: "y") else { return false }
        let name = SlugText.lowercased(trimmed).utf8.map {
            $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0
        }
        return name.suffix(7).elementsEqual("api-key".utf8)
    }

    /// Whether a credential's value is the credential itself: anything but absent, empty or `secret:<name>`.
    package static func isLiteral(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .string(let text): !text.isEmpty && !isReference(text)
        case .bool, .number, .array, .object: true
        }
    }

    /// Whether the text is `secret:` and a name of letters, digits, `.`, `_` and `-`.
    package static func isReference(_ text: String) -> Bool {
        guard text.hasPrefix("secret:") else { return false }
        let name = text.utf8.dropFirst(7)
        return !name.isEmpty
            && name.allSatisfy {
                ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D
            }
    }

    /// The same table with every literal credential shown as `***`.
    static func masking(_ settings: JSONObject) -> JSONObject {
        for (_, fields) in settings {
            for (field, value) in fields.objectValue ?? [:] where isCredential(field: field) && isLiteral(value) {
                return replacing(in: settings) { _, _, value in isLiteral(value) ? .string(mask) : nil }
            }
        }
        return settings
    }

    /// Replaces every credential in a table of section → field → value that the closure has a replacement for.
    static func replacing(
        in settings: JSONObject, _ replacement: (_ section: String, _ field: String, JSONValue) -> JSONValue?
    ) -> JSONObject {
        var result = settings
        for (section, fields) in settings {
            guard var members = fields.objectValue else { continue }
            for (field, value) in members where isCredential(field: field) {
                if let replaced = replacement(section, field, value) { members[field] = replaced }
            }
            result[section] = .object(members)
        }
        return result
    }
}

extension RuntimeSpec {
    /// The same runtime with every literal credential shown as `***`.
    package func maskingLiteralKeys() -> RuntimeSpec {
        guard case .set(let settings) = stepSettingsPatch else { return self }
        var masked = self
        masked.stepSettingsPatch = .set(LiteralKeys.masking(settings))
        return masked
    }

    /// The same runtime with every `***` replaced by what the stored runtime has in that place.
    func unmaskingLiteralKeys(from stored: RuntimeSpec) -> RuntimeSpec {
        guard case .set(let settings) = stepSettingsPatch, let kept = stored.stepSettingsPatch.value else {
            return self
        }
        var unmasked = self
        unmasked.stepSettingsPatch = .set(
            LiteralKeys.replacing(in: settings) { section, field, value in
                value == .string(LiteralKeys.mask) ? kept[section]?[field] : nil
            })
        return unmasked
    }
}
