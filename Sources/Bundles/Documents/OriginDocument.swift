package import JSON
package import Profiles

/// A registry as programs of the origin can read it, and what they cannot be told.
package struct OriginDocument: Sendable {
    package let document: JSONValue
    /// What was left out or said more strictly, one sentence each.
    package let notes: [String]

    /// - Parameter strict: the form of 2026-02-25 and later, which has no `default_profile_slug`; else the whole
    ///   document of 2026-02-24, which is also what its SQLite store keeps.
    package init(_ source: RegistryDocument, strict: Bool, masksKeys: Bool) {
        var notes: [String] = []
        let profiles = source.profiles.map { profile in
            var profile = profile
            if masksKeys { profile.runtime = profile.runtime.maskingLiteralKeys() }
            return Self.reduced(profile, &notes)
        }
        var object = source.registry.storedDocument(with: profiles).objectValue ?? [:]
        if strict {
            object.removeValue(forKey: "default_profile_slug")
            if let slug = source.registry.defaultProfileSlug, slug != source.inferredDefault {
                notes.append(
                    "the default profile \"\(slug)\" cannot be told: the reader takes "
                        + "\"\(source.inferredDefault?.rawValue ?? "")\"")
            }
        }
        // Only Go's zero values may be absent there: `allow_overrides` is written always.
        var entries = JSONObject()
        for (key, value) in object["profiles"]?.objectValue ?? [:] {
            var entry = value.objectValue ?? [:]
            var policy = entry["policy"]?.objectValue ?? [:]
            if policy["allow_overrides"] == nil { policy["allow_overrides"] = false }
            entry["policy"] = .object(policy)
            entries[key] = .object(entry)
        }
        if !entries.isEmpty { object["profiles"] = .object(entries) }
        document = .object(object)
        self.notes = notes
    }

    /// YAML with the notes as comments above it.
    package func yaml() -> [UInt8] {
        let comments = notes.map { "# not in this form: \($0)\n" }.joined()
        return Array(comments.utf8) + YAMLWriter.encode(document)
    }

    private static func reduced(_ profile: Profile, _ notes: inout [String]) -> Profile {
        var profile = profile
        let name = "profile \"\(profile.slug)\""
        if !profile.runtime.variables.isInherited {
            notes.append("\(name): runtime.variables")
            profile.runtime.variables = .inherited
        }
        if case .cleared = profile.runtime.systemPrompt {
            notes.append("\(name): that runtime.system_prompt takes an inherited prompt away")
            profile.runtime.systemPrompt = .inherited
        }
        if profile.runtime.tools == .cleared || profile.runtime.tools == .set([]) {
            notes.append("\(name): that runtime.tools is none; the reader takes it for all tools")
            profile.runtime.tools = .inherited
        }
        if profile.runtime.middlewares == .cleared || profile.runtime.middlewares == .set([]) {
            notes.append("\(name): that runtime.middlewares takes inherited middlewares away")
            profile.runtime.middlewares = .inherited
        }
        if case .cleared = profile.runtime.stepSettingsPatch {
            notes.append("\(name): that runtime.step_settings_patch takes inherited settings away")
            profile.runtime.stepSettingsPatch = .inherited
        }
        reduce(&profile.policy, name, &notes)
        return profile
    }

    private static func reduce(_ policy: inout OverridePolicy, _ name: String, _ notes: inout [String]) {
        if policy.allowedOverrideKeys == [] {
            // There an empty list means everything (origin D31): the door is closed instead.
            if policy.allowOverrides == true {
                notes.append("\(name): overrides are switched off, as no key is allowed")
            }
            policy.allowedOverrideKeys = nil
            policy.allowOverrides = false
        }
        if !policy.limits.isEmpty {
            // A reader without bounds would let any value through.
            if policy.allowOverrides == true {
                notes.append("\(name): overrides are switched off, as policy.limits cannot be told")
            } else {
                notes.append("\(name): policy.limits")
            }
            policy.allowOverrides = false
            policy.limits = [:]
        }
        if policy.onDenied != nil {
            notes.append("\(name): policy.on_denied")
            policy.onDenied = nil
        }
        if policy.passUnknown != nil {
            notes.append("\(name): policy.pass_unknown")
            policy.passUnknown = nil
        }
    }
}
