package import JSON

extension Registry {
    /// The registry as it is stored, without its profiles.
    package func storedDocument() -> JSONValue {
        var object: JSONObject = ["slug": .string(slug.rawValue)]
        appendContent(to: &object)
        object["metadata"] = metadata.document()
        return .object(object)
    }

    /// The document `GET …/registries/{registry}` and each entry of the list answer (`gateway.md §5`).
    package func document(profileCount: Int) -> JSONValue {
        var object: JSONObject = ["slug": .string(slug.rawValue)]
        appendContent(to: &object)
        object["profile_count"] = .number(JSONNumber(profileCount))
        object["version"] = .number(JSONNumber(metadata.version))
        object["updated_at_ms"] = .number(JSONNumber(metadata.updatedAtMs))
        object["metadata"] = metadata.document()
        return .object(object)
    }

    /// The whole registry with its profiles in the origin's shape, lossless.
    package func storedDocument(with profiles: some Sequence<Profile>) -> JSONValue {
        var object = storedDocument().objectValue ?? [:]
        var entries = JSONObject()
        for profile in profiles { entries[profile.slug.rawValue] = profile.storedDocument() }
        if !entries.isEmpty { object["profiles"] = .object(entries) }
        return .object(object)
    }

    private func appendContent(to object: inout JSONObject) {
        if !displayName.isEmpty { object["display_name"] = .string(displayName) }
        if !description.isEmpty { object["description"] = .string(description) }
        if let slug = defaultProfileSlug { object["default_profile_slug"] = .string(slug.rawValue) }
    }
}

/// A registry together with the profiles found in one document: a stored payload, an import, a file of the origin.
package struct RegistryDocument: Sendable, Equatable {
    package var registry: Registry
    /// Sorted by slug.
    package var profiles: [Profile]

    package init(registry: Registry, profiles: [Profile]) {
        self.registry = registry
        self.profiles = profiles.sorted { $0.slug < $1.slug }
    }

    /// How deep a registry's document may nest: its profiles stand two levels down, each as deep as one may be alone.
    package static let maximumDepth = JSONValue.defaultMaximumDepth + 2

    /// Reads a document strictly; whether the default fits the profiles is ``validate()``'s question.
    ///
    /// - Parameter rowSlug: the name the document is kept under; it must agree with the one inside, if there is one.
    package init(
        document: JSONValue, rowSlug: RegistrySlug? = nil, origin: DocumentOrigin = .ours
    ) throws(ValidationError) {
        if document.isNull { throw ValidationError(field: "registry", reason: "must not be nil") }
        var reader = try reading { () throws(FieldError) in try ObjectReader(document, path: "") }
        let rawSlug = try reading { () throws(FieldError) in try reader.string("slug") } ?? ""
        let slug = try Self.slug(rawSlug, rowSlug: rowSlug)
        var registry = Registry(slug: slug)
        var entries: JSONObject = [:]
        var rawDefault = ""
        do throws(FieldError) {
            registry.displayName = SlugText.trimmed(try reader.string("display_name") ?? "")
            registry.description = SlugText.trimmed(try reader.string("description") ?? "")
            rawDefault = try reader.string("default_profile_slug") ?? ""
            if let metadata = try reader.reader("metadata") { registry.metadata = try ProfileMetadata(metadata) }
            entries = try reader.object("profiles") ?? [:]
            try reader.finish()
        } catch { throw ValidationError(error) }
        if !SlugText.isBlank(rawDefault) {
            guard let slug = ProfileSlug(rawDefault) else {
                throw ValidationError(
                    field: "registry.default_profile_slug", reason: ProfileSlug.reason(against: rawDefault))
            }
            registry.defaultProfileSlug = slug
        }
        self.init(registry: registry, profiles: try Self.profiles(entries, origin: origin))
    }

    /// The rules between a registry and its profiles (origin 2.6).
    package func validate() throws(ValidationError) {
        guard !profiles.isEmpty else { return }
        guard let slug = registry.defaultProfileSlug else {
            throw ValidationError(
                field: "registry.default_profile_slug", reason: "must be set when profiles are present")
        }
        guard profiles.contains(where: { $0.slug == slug }) else {
            throw ValidationError(
                field: "registry.default_profile_slug", reason: "default profile does not exist in registry")
        }
    }

    private static func slug(_ raw: String, rowSlug: RegistrySlug?) throws(ValidationError) -> RegistrySlug {
        if SlugText.isBlank(raw) {
            guard let rowSlug else { throw ValidationError(field: RegistrySlug.field, reason: "must not be empty") }
            return rowSlug
        }
        let slug = try RegistrySlug(validating: raw)
        if let rowSlug, rowSlug != slug {
            throw ValidationError(
                field: RegistrySlug.field,
                reason: "slug mismatch: the row is \"\(rowSlug)\", the document says \"\(slug)\"")
        }
        return slug
    }

    private static func profiles(
        _ entries: JSONObject, origin: DocumentOrigin
    ) throws(ValidationError) -> [Profile] {
        var profiles: [Profile] = []
        var seen: Set<ProfileSlug> = []
        profiles.reserveCapacity(entries.count)
        for (rawKey, entry) in entries {
            let shown = SlugText.lowercased(SlugText.trimmed(FieldPath.excerpt(rawKey)))
            let field = "registry.profiles[\(shown)]"
            if entry.isNull { throw ValidationError(field: field, reason: "must not be nil") }
            guard let key = ProfileSlug(rawKey) else {
                throw ValidationError(field: field, reason: ProfileSlug.reason(against: rawKey))
            }
            guard seen.insert(key).inserted else {
                throw ValidationError(field: field, reason: "two keys are the same slug after normalization")
            }
            // Deeper it could be stored here and not be read again.
            guard !entry.nests(deeperThan: JSONValue.defaultMaximumDepth) else {
                throw ValidationError(
                    field: field, reason: "nests deeper than \(JSONValue.defaultMaximumDepth) levels")
            }
            let profile: Profile
            do { profile = try Profile(document: entry, slug: key, origin: origin) } catch {
                throw error.inside(field)
            }
            guard profile.slug == key else {
                throw ValidationError(field: "\(field).slug", reason: "map key and profile slug must match")
            }
            profiles.append(profile)
        }
        return profiles
    }
}

extension RegistryDocument {
    /// The default of a registry that names none: its profile `default`, else the first in slug order (origin 6.1).
    package var inferredDefault: ProfileSlug? {
        (profiles.first { $0.slug == .default } ?? profiles.first)?.slug
    }
}

extension ValidationError {
    /// The same error of a profile that is one entry of a registry document.
    package func inside(_ entry: String) -> ValidationError {
        let inner = field.hasPrefix("profile.") ? String(field.dropFirst(8)) : field
        return ValidationError(field: FieldPath.prepending(entry, to: inner), reason: reason, phrase: phrase)
    }
}
