package import JSON

/// The body of `POST …/profiles/{slug}/rollback`: which earlier version becomes the current one (`gateway.md §5`).
package struct RollbackBody: Sendable {
    package let registry: RegistrySlug?
    package let version: UInt64
    /// Absent: not guarded; 0: the profile must not exist.
    package let expectedVersion: UInt64?
    private let rules: ProfileRules

    /// - Throws: unknown fields, wrong types, a version below 1.
    package init(decoding document: JSONValue, rules: ProfileRules) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document) }
        let raw = try reading { () throws(FieldError) in try reader.string("registry") } ?? ""
        let given = try reading { () throws(FieldError) in try reader.uint64("version") }
        expectedVersion = try reading { () throws(FieldError) in try reader.uint64("expected_version") }
        try reading { () throws(FieldError) in try reader.finish() }
        guard let given, given > 0 else {
            throw ValidationError(field: "version", reason: given == nil ? "is missing" : "must be an integer from 1")
        }
        version = given
        registry = SlugText.isBlank(raw) ? nil : try RegistrySlug(validating: raw)
        self.rules = rules
    }

    /// The old content as the next version of `current`, or of a new profile when there is none.
    ///
    /// - Returns: `current` itself when the content is the one it has.
    /// - Throws: what today's rules refuse in the old content.
    package func makeProfile(
        from content: Profile, replacing current: Profile?, _ stamp: ChangeStamp
    ) throws(ValidationError) -> Profile {
        var profile = content
        profile.metadata = current?.metadata ?? ProfileMetadata()
        profile.metadata.tags = content.metadata.tags
        profile = try rules.admit(profile, replacing: current)
        if let current, profile.isSameDocument(as: current) { return current }
        profile.metadata.touch(stamp)
        return profile
    }
}
