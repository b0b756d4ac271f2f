import JSON

/// The members of a write body that steer the write and are no part of the profile.
struct ControlFields {
    var slug: String?
    var registry: String?
    var setDefault = false
    var expectedVersion: UInt64?

    init(_ reader: inout ObjectReader, slugField: Bool) throws(ValidationError) {
        do throws(FieldError) {
            if let value = reader.value("registry"), !value.isNull {
                guard case .string(let text) = value else {
                    throw FieldError(path: reader.path(of: "registry"), reason: "must be a string")
                }
                registry = text
            }
            if slugField { slug = try Self.slug(&reader) }
            setDefault = try reader.bool("set_default") ?? false
            expectedVersion = try reader.uint64("expected_version")
        } catch { throw ValidationError(error) }
    }

    private static func slug(_ reader: inout ObjectReader) throws(FieldError) -> String? {
        guard let value = reader.value("slug"), !value.isNull else { return nil }
        guard case .string(let text) = value else {
            throw FieldError(path: ProfileSlug.field, reason: "must be a string")
        }
        return text
    }

    func parsedRegistry() throws(ValidationError) -> RegistrySlug? {
        guard let registry, !SlugText.isBlank(registry) else { return nil }
        return try RegistrySlug(validating: registry)
    }

    func requiredSlug() throws(ValidationError) -> ProfileSlug {
        guard let slug, !SlugText.isBlank(slug) else {
            throw ValidationError(field: ProfileSlug.field, reason: "must not be empty", phrase: ProfileSlug.phrase)
        }
        return try ProfileSlug(validating: slug)
    }
}

/// `metadata` as a body gives it: the tags are the author's, everything else the server's.
struct GivenMetadata: Sendable {
    private(set) var tags: [String]?
    private(set) var version: UInt64?
    /// The server's fields that were given, with their values.
    private var serverOwned: JSONObject = [:]

    init(_ source: ObjectReader?, removesTags: Bool = false) throws(FieldError) {
        guard var reader = source else { return }
        tags = try reader.strings("tags") ?? (removesTags ? [] : nil)
        version = try reader.uint64("version")
        let typed = try ProfileMetadata(reader)
        let given = Set(reader.object.filter { $0.key != "tags" && !$0.value.isNull }.map(\.key))
        // Re-spelled through the typed form: zeros and blanks say nothing.
        for (key, value) in typed.document().objectValue ?? [:] where given.contains(key) { serverOwned[key] = value }
    }

    /// What a new profile starts with.
    ///
    /// - Throws: for `version`, `created_*` and `updated_*`, which the server sets.
    func forCreation() throws(FieldError) -> ProfileMetadata {
        for (key, _) in serverOwned where key != "source" { throw Self.refusal(of: key) }
        return ProfileMetadata(tags: tags ?? [])
    }

    /// The new tags, if the body gives any.
    ///
    /// - Throws: for a server-owned field whose value is not the stored one.
    func tags(changing stored: ProfileMetadata) throws(ValidationError) -> [String]? {
        let document = stored.document()
        for (key, value) in serverOwned where document[key] != value {
            throw ValidationError(Self.refusal(of: key))
        }
        return tags
    }

    private static func refusal(of key: String) -> FieldError {
        FieldError(
            path: "metadata.\(key)",
            reason: "is set by the server and cannot be given"
                + (key == "version" ? "; use expected_version to guard the write" : ""))
    }
}

/// The part of a merge patch that changes the profile's document.
enum MergePatchFields {
    private static let parts: [String: Set<String>?] = [
        "display_name": nil, "description": nil, "stack": nil, "extensions": nil,
        "runtime": ["step_settings_patch", "system_prompt", "middlewares", "tools", "variables"],
        "policy": [
            "allow_overrides", "allowed_override_keys", "denied_override_keys", "read_only", "on_denied", "limits",
            "pass_unknown",
        ],
    ]

    /// The patch's members that touch content; extension keys in canonical form, so that they meet the stored ones.
    ///
    /// - Throws: for an unknown field even where its value is null and merging would pass over it.
    static func content(_ reader: inout ObjectReader) throws(ValidationError) -> JSONValue {
        var patch = JSONObject()
        for (part, fields) in parts {
            guard let value = reader.value(part) else { continue }
            if let fields, let members = value.objectValue {
                for key in members.keys where !fields.contains(key) {
                    let name = FieldPath.excerpt(key)
                    throw ValidationError(field: "\(part).\(name)", reason: "unknown field \"\(name)\"")
                }
            }
            patch[part] = value
        }
        if let extensions = patch["extensions"]?.objectValue {
            patch["extensions"] = .object(
                try reading { () throws(FieldError) in try ProfileContent.canonicalised(extensions: extensions) })
        }
        return .object(patch)
    }

    /// The document a merge patch is applied to: the stored one without what the server owns.
    static func document(of profile: Profile) -> JSONValue {
        var object = profile.storedDocument().objectValue ?? [:]
        object.removeValue(forKey: "metadata")
        object.removeValue(forKey: "slug")
        return .object(object)
    }
}
