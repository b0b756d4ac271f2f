// The base layer of step settings: judged by the domain's table, and by what else the configuration has.

internal import JSON
internal import Profiles

extension ConfigurationAssembler {
    /// Section → field → value, judged by the domain's table; keys are only ever named (gateway.md §9).
    mutating func stepSettings(_ node: ConfigurationNode, _ key: String) -> JSONObject {
        var settings = JSONObject()
        var origins: [String: ConfigurationOrigin] = [:]
        for section in decoder.members(node, key) {
            let sectionKey = "\(key).\(section.key)"
            origins[sectionKey] = section.value.origin
            // A section of another shape is refused by the decoder itself.
            guard section.value.isMappingOrNull else {
                _ = decoder.members(section.value, sectionKey)
                continue
            }
            var fields = JSONObject()
            for field in decoder.members(section.value, sectionKey) {
                let fieldKey = "\(sectionKey).\(field.key)"
                decoder.note(fieldKey, from: field.value.origin)
                origins[fieldKey] = field.value.origin
                fields[field.key] = field.value.json
                if LiteralKeys.isCredential(field: field.key), LiteralKeys.isLiteral(field.value.json) {
                    decoder.refuse(
                        field.value.origin, fieldKey, "must be \"secret:<name>\", naming an entry of `secrets`")
                }
            }
            settings[section.key] = .object(fields)
        }
        for violation in StepSettings.violations(of: settings, path: key) {
            decoder.refuse(origins[violation.field] ?? node.origin, violation.field, violation.reason)
        }
        return settings
    }

    /// What the base settings name must be there: profiles are judged by the same rules when they are written.
    mutating func checkReferences(
        of node: ConfigurationNode, _ key: String, upstreams: [UpstreamConfiguration], among declared: [String]
    ) {
        for section in node.entries {
            for field in section.value.entries {
                let fieldKey = "\(key).\(section.key).\(field.key)"
                switch StepSettings.setting(section.key.trimmingBlanks, field.key.trimmingBlanks)?.kind {
                case .upstream, .upstreams:
                    for case .string(let name) in field.value.json.arrayValue ?? [field.value.json] {
                        checkUpstream(name, among: declared, field.value.origin, fieldKey)
                    }
                case .baseURL:
                    guard let url = field.value.json.stringValue, !url.isEmpty else { continue }
                    // An upstream with mistakes in it has its own message.
                    guard upstreams.count == declared.count else { continue }
                    let known = upstreams.compactMap(\.baseURL)
                    guard !known.contains(where: { ProfileRules.isSameURL($0, url) }) else { continue }
                    decoder.refuse(
                        field.value.origin, fieldKey,
                        "`\(url)` is the base_url of no configured upstream; a chat goes to those alone")
                case .credential:
                    guard let reference = field.value.json.stringValue, LiteralKeys.isReference(reference) else {
                        continue
                    }
                    let name = String(reference.dropFirst("secret:".count))
                    guard !declaredSecrets.contains(name) else { continue }
                    decoder.refuse(
                        field.value.origin, fieldKey,
                        "`\(name)` is no entry of `secrets`" + Suggestion.phrase(for: name, among: declaredSecrets))
                default: continue
                }
            }
        }
    }

    /// Names under `secrets`, also of those with mistakes in them.
    private var declaredSecrets: [String] {
        layers.nodes[.secrets]?.entries.map(\.key) ?? []
    }
}
