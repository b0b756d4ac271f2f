package import JSON

/// A registry as programs of the origin read it, and what they will not understand of it.
package struct OriginDocument: Sendable {
    package enum Form: Sendable {
        /// The YAML of 2026-02-25 and later: no `default_profile_slug`, and only what the origin knows.
        case strictYAML
        /// What its SQLite store keeps: the whole document. Fields it does not know it passes over, and we find them
        /// again when such a file comes back.
        case stored
    }

    package let document: JSONValue
    /// What is left out, said more strictly or not enforced there, one sentence each.
    package let notes: [String]

    package init(_ source: RegistryDocument, form: Form, masksKeys: Bool) {
        var notes: [String] = []
        var entries = JSONObject(minimumCapacity: source.profiles.count)
        for profile in source.profiles {
            var reduced = Self.closingDoors(profile, &notes)
            if form == .strictYAML {
                reduced = Self.known(reduced, &notes)
            } else if !profile.policy.limits.isEmpty, profile.policy.allowOverrides == true {
                notes.append("profile \"\(profile.slug)\": policy.limits; the reader lets any value through")
            }
            if masksKeys { reduced.runtime = reduced.runtime.maskingLiteralKeys() }
            var entry = reduced.storedDocument().objectValue ?? [:]
            if form == .strictYAML { entry["policy"] = reduced.policy.document(always: true) }
            entries[profile.slug.rawValue] = .object(entry)
        }
        var object = source.registry.storedDocument().objectValue ?? [:]
        if !entries.isEmpty { object["profiles"] = .object(entries) }
        if form == .strictYAML {
            object.removeValue(forKey: "default_profile_slug")
            if let slug = source.registry.defaultProfileSlug, let other = source.inferredDefault, slug != other {
                notes.append("the default profile \"\(slug)\" cannot be told: the reader takes \"\(other)\"")
            }
        }
        document = .object(object)
        self.notes = notes
    }

    /// An empty list means everything there (origin D31, D51): what would open a door is said in another way.
    private static func closingDoors(_ profile: Profile, _ notes: inout [String]) -> Profile {
        var profile = profile
        let name = "profile \"\(profile.slug)\""
        if profile.policy.allowedOverrideKeys == [] {
            if profile.policy.allowOverrides == true {
                notes.append("\(name): overrides are switched off, as no key is allowed")
            }
            profile.policy.allowedOverrideKeys = nil
            profile.policy.allowOverrides = false
        }
        if profile.runtime.tools == .set([]) {
            notes.append("\(name): that runtime.tools is none; the reader takes it for all tools")
            profile.runtime.tools = .inherited
        }
        if profile.runtime.middlewares == .set([]) {
            notes.append("\(name): that runtime.middlewares is none; the reader keeps inherited ones")
            profile.runtime.middlewares = .inherited
        }
        return profile
    }

    /// The profile without what the origin has no field for.
    private static func known(_ profile: Profile, _ notes: inout [String]) -> Profile {
        var profile = profile
        let name = "profile \"\(profile.slug)\""
        func drop<Value>(_ part: inout Layered<Value>, _ field: String, always: Bool = false) {
            switch part {
            case .inherited: return
            case .set where !always: return
            case .set: notes.append("\(name): runtime.\(field)")
            case .cleared: notes.append("\(name): that runtime.\(field) takes away what it inherits")
            }
            part = .inherited
        }
        drop(&profile.runtime.variables, "variables", always: true)
        drop(&profile.runtime.systemPrompt, "system_prompt")
        drop(&profile.runtime.tools, "tools")
        drop(&profile.runtime.middlewares, "middlewares")
        drop(&profile.runtime.stepSettingsPatch, "step_settings_patch")
        if !profile.policy.limits.isEmpty {
            let isOpen = profile.policy.allowOverrides == true
            notes.append("\(name): policy.limits" + (isOpen ? "; without them overrides are switched off" : ""))
            profile.policy.allowOverrides = false
            profile.policy.limits = [:]
        }
        if profile.policy.onDenied != nil { notes.append("\(name): policy.on_denied") }
        if profile.policy.passUnknown != nil { notes.append("\(name): policy.pass_unknown") }
        profile.policy.onDenied = nil
        profile.policy.passUnknown = nil
        return profile
    }
}
