package import JSON

/// Whose document is read.
package enum DocumentOrigin: Sendable {
    /// Written by us or sent to us: an empty list means none.
    case ours
    /// Taken over from a file of the origin, where an empty list meant the same as no list (origin R16).
    case foreign
}

extension Profile {
    /// Reads a stored or exported profile, strictly: unknown fields are errors, extension keys become canonical.
    ///
    /// - Parameter fallback: the slug of a document that names none (its row's or its map key's).
    /// - Throws: the path of the first wrong field; see ``validate()`` for the rules that hold everywhere.
    package init(
        document: JSONValue, slug fallback: ProfileSlug? = nil, origin: DocumentOrigin = .ours
    ) throws(ValidationError) {
        if document.isNull { throw ValidationError(field: "profile", reason: "must not be nil") }
        var reader = try reading { () throws(FieldError) in try ObjectReader(document, path: "") }
        let slug = try Self.slug(try reading { () throws(FieldError) in try reader.string("slug") }, fallback: fallback)
        let content = try ProfileContent(&reader, origin: origin)
        let metadata = try reading { () throws(FieldError) in
            try reader.reader("metadata").map { (reader) throws(FieldError) in try ProfileMetadata(reader) }
        }
        try reading { () throws(FieldError) in try reader.finish() }
        self.init(slug: slug, metadata: metadata ?? ProfileMetadata())
        content.apply(to: &self)
        try validate()
    }

    private static func slug(_ raw: String?, fallback: ProfileSlug?) throws(ValidationError) -> ProfileSlug {
        if let raw, !SlugText.isBlank(raw) { return try ProfileSlug(validating: raw) }
        guard let fallback else { throw ValidationError(field: ProfileSlug.field, reason: "must not be empty") }
        return fallback
    }
}

/// The parts of a profile that its author writes, each as far as it was given.
struct ProfileContent {
    var displayName: String?
    var description: String?
    var stack: [ProfileReference]?
    var runtime: RuntimeSpec?
    var policy: OverridePolicy?
    var extensions: JSONObject?

    init() {}

    init(_ reader: inout ObjectReader, origin: DocumentOrigin = .ours) throws(ValidationError) {
        do throws(FieldError) {
            displayName = try reader.string("display_name").map(SlugText.trimmed)
            description = try reader.string("description").map(SlugText.trimmed)
            stack = try reader.array("stack").map { (elements) throws(FieldError) in
                try ProfileReference.list(elements)
            }
            runtime = try reader.reader("runtime").map { (reader) throws(FieldError) in
                try RuntimeSpec(reader, origin: origin)
            }
            policy = try reader.reader("policy").map { (reader) throws(FieldError) in
                try OverridePolicy(reader, origin: origin)
            }
            extensions = try reader.object("extensions").map { (members) throws(FieldError) in
                try Self.canonicalised(extensions: members)
            }
        } catch { throw ValidationError(error) }
    }

    /// Puts every part that was given in the place of the profile's.
    func apply(to profile: inout Profile) {
        if let displayName { profile.displayName = displayName }
        if let description { profile.description = description }
        if let stack { profile.stack = stack }
        if let runtime { profile.runtime = runtime }
        if let policy { profile.policy = policy }
        if let extensions { profile.extensions = extensions }
    }

    /// The same extensions under canonical keys; two keys that become one are refused (origin D48).
    static func canonicalised(extensions: JSONObject) throws(FieldError) -> JSONObject {
        var result = JSONObject(minimumCapacity: extensions.count)
        for (raw, value) in extensions {
            let key: ExtensionKey
            do { key = try ExtensionKey(validating: raw) } catch {
                throw FieldError(path: error.field, reason: error.reason)
            }
            guard result[key.rawValue] == nil else {
                throw FieldError(
                    path: ExtensionKey.field(SlugText.trimmed(raw)),
                    reason: "duplicate extension key \"\(key)\" after canonicalization")
            }
            result[key.rawValue] = value
        }
        return result
    }
}

extension ProfileReference {
    static func list(_ elements: [JSONValue]) throws(FieldError) -> [ProfileReference] {
        var references: [ProfileReference] = []
        for (index, element) in elements.enumerated() {
            var reader = try ObjectReader(element, path: "profile.stack[\(index)]")
            let registry = try reader.string("registry_slug") ?? ""
            let profile = try reader.string("profile_slug") ?? ""
            try reader.finish()
            references.append(
                ProfileReference(
                    registry: try slug(registry, RegistrySlug.self, path: reader.path(of: "registry_slug")),
                    profile: try required(profile, path: reader.path(of: "profile_slug"))))
        }
        return references
    }

    private static func required(_ raw: String, path: String) throws(FieldError) -> ProfileSlug {
        guard let slug = try slug(raw, ProfileSlug.self, path: path) else {
            throw FieldError(path: path, reason: "must not be empty")
        }
        return slug
    }

    private static func slug<Name: Slug>(_ raw: String, _: Name.Type, path: String) throws(FieldError) -> Name? {
        if SlugText.isBlank(raw) { return nil }
        guard let slug = Name(raw) else { throw FieldError(path: path, reason: Name.reason(against: raw)) }
        return slug
    }
}
