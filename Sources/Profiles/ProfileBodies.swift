package import JSON

/// The body of `POST /api/chat/profiles` (origin 3.2, `gateway.md §5`), decoded strictly.
package struct CreateProfileBody: Sendable {
    /// Absent: the query's registry, else the default one.
    package let registry: RegistrySlug?
    package let slug: ProfileSlug
    /// Whether the new profile becomes its registry's default, in the same transaction.
    package let setDefault: Bool
    /// Absent: not guarded; 0: must not exist; anything else conflicts.
    package let expectedVersion: UInt64?
    private let content: ProfileContent
    private let metadata: ProfileMetadata
    private let rules: ProfileRules

    /// - Throws: unknown fields, wrong types, server-owned metadata, and what the domain refuses, each with its path.
    package init(decoding document: JSONValue, rules: ProfileRules) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document) }
        let controls = try ControlFields(&reader, slugField: true)
        content = try ProfileContent(&reader)
        metadata = try reading { () throws(FieldError) in
            try GivenMetadata(reader.reader("metadata")).forCreation()
        }
        try reading { () throws(FieldError) in try reader.finish() }
        registry = try controls.parsedRegistry()
        slug = try controls.requiredSlug()
        setDefault = controls.setDefault
        expectedVersion = controls.expectedVersion
        self.rules = rules
        // Judged here already, so that a bad body is refused before anything is locked or read.
        _ = try makeProfile(ChangeStamp(actor: "", source: "", nowMs: 0))
    }

    /// The new profile at version 1.
    package func makeProfile(_ stamp: ChangeStamp) throws(ValidationError) -> Profile {
        var profile = Profile(slug: slug, metadata: metadata)
        content.apply(to: &profile)
        profile = try rules.admit(profile, replacing: nil)
        profile.metadata.touch(stamp)
        return profile
    }
}

/// The body of `PATCH /api/chat/profiles/{slug}`: whole fields (`application/json`) or a merge patch (RFC 7396).
package struct PatchProfileBody: Sendable {
    package let registry: RegistrySlug?
    package let setDefault: Bool
    package let expectedVersion: UInt64?
    private let change: Change
    private let slug: String?
    private let metadata: GivenMetadata
    private let rules: ProfileRules

    private enum Change: Sendable {
        case fields(ProfileContent)
        case merge(JSONValue)
    }

    /// Each field given replaces that field; null counts as absent.
    package init(decoding document: JSONValue, rules: ProfileRules) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document) }
        let controls = try ControlFields(&reader, slugField: true)
        change = .fields(try ProfileContent(&reader))
        metadata = try reading { () throws(FieldError) in try GivenMetadata(reader.reader("metadata")) }
        try reading { () throws(FieldError) in try reader.finish() }
        self.rules = rules
        (registry, slug) = (try controls.parsedRegistry(), controls.slug)
        (setDefault, expectedVersion) = (controls.setDefault, controls.expectedVersion)
    }

    /// The patch merges deeply into the stored document; null removes.
    package init(decodingMergePatch document: JSONValue, rules: ProfileRules) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document) }
        let controls = try ControlFields(&reader, slugField: true)
        metadata = try reading { () throws(FieldError) in
            try GivenMetadata(reader.reader("metadata"), removesTags: document["metadata"]?["tags"]?.isNull == true)
        }
        change = .merge(try MergePatchFields.content(&reader))
        try reading { () throws(FieldError) in try reader.finish() }
        self.rules = rules
        (registry, slug) = (try controls.parsedRegistry(), controls.slug)
        (setDefault, expectedVersion) = (controls.setDefault, controls.expectedVersion)
    }

    /// The patched profile, one version on; the profile as it was when the patch changes nothing.
    package func apply(to profile: Profile, _ stamp: ChangeStamp) throws(ValidationError) -> Profile {
        try Self.refuseRename(slug, of: profile)
        var patched = profile
        switch change {
        case .fields(let content): content.apply(to: &patched)
        case .merge(let patch):
            let merged = MergePatchFields.document(of: profile).applying(mergePatch: patch)
            patched = try Profile(document: merged, slug: profile.slug)
            patched.metadata = profile.metadata
        }
        if let tags = try metadata.tags(changing: profile.metadata) { patched.metadata.tags = tags }
        patched = try rules.admit(patched, replacing: profile)
        guard !patched.isSameDocument(as: profile) else { return profile }
        patched.metadata.touch(stamp)
        return patched
    }

    static func refuseRename(_ slug: String?, of profile: Profile) throws(ValidationError) {
        guard let slug, ProfileSlug(slug) != profile.slug else { return }
        throw ValidationError(
            field: ProfileSlug.field, reason: "a profile cannot be renamed; the path says \"\(profile.slug)\"")
    }
}

/// The body of `PUT /api/chat/profiles/{slug}`: the whole profile, as `GET` gives it (`gateway.md §5`).
package struct PutProfileBody: Sendable {
    package let setDefault: Bool
    /// From `expected_version`, else from `metadata.version`.
    package let expectedVersion: UInt64?
    private let slug: ProfileSlug
    private let content: ProfileContent
    private let tags: [String]
    private let rules: ProfileRules

    /// - Parameter slug: the profile the path names; a slug in the body must be the same.
    package init(
        decoding document: JSONValue, slug: ProfileSlug, rules: ProfileRules
    ) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document) }
        _ = reader.value("registry")
        _ = reader.value("is_default")
        let controls = try ControlFields(&reader, slugField: true)
        content = try ProfileContent(&reader)
        let metadata = try reading { () throws(FieldError) in try GivenMetadata(reader.reader("metadata")) }
        try reading { () throws(FieldError) in try reader.finish() }
        try PatchProfileBody.refuseRename(controls.slug, of: Profile(slug: slug))
        self.slug = slug
        tags = metadata.tags ?? []
        setDefault = controls.setDefault
        expectedVersion = controls.expectedVersion ?? metadata.version
        self.rules = rules
    }

    /// The profile in the place of a stored one (unchanged: the stored one itself), or a new one at version 1.
    package func makeProfile(replacing stored: Profile?, _ stamp: ChangeStamp) throws(ValidationError) -> Profile {
        var profile = Profile(slug: slug, metadata: stored?.metadata ?? ProfileMetadata())
        content.apply(to: &profile)
        profile.metadata.tags = tags
        if let stored, profile.policy.document(always: true) == stored.policy.document(always: true) {
            // GET shows a policy that says nothing about overrides as one that forbids them.
            profile.policy = stored.policy
        }
        profile = try rules.admit(profile, replacing: stored)
        if let stored, profile.isSameDocument(as: stored) { return stored }
        profile.metadata.touch(stamp)
        return profile
    }
}

extension Profile {
    /// Whether both are stored as the same content; compares bytes of strings, which `==` does not.
    func isSameDocument(as other: Profile) -> Bool { storedDocument() == other.storedDocument() }
}
