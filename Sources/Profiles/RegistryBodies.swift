package import JSON

/// The body of `POST /api/chat/registries` (`gateway.md §5`).
package struct CreateRegistryBody: Sendable {
    package let slug: RegistrySlug
    private let displayName: String
    private let description: String
    private let tags: [String]

    package init(decoding document: JSONValue) throws(ValidationError) {
        let raw: String?
        do throws(FieldError) {
            var reader = try ObjectReader(document)
            raw = try reader.string("slug")
            displayName = SlugText.trimmed(try reader.string("display_name") ?? "")
            description = SlugText.trimmed(try reader.string("description") ?? "")
            tags = try GivenMetadata(reader.reader("metadata")).forCreation().tags
            try reader.finish()
        } catch { throw ValidationError(error) }
        guard let raw, !SlugText.isBlank(raw) else {
            throw ValidationError(field: RegistrySlug.field, reason: "must not be empty", phrase: RegistrySlug.phrase)
        }
        slug = try RegistrySlug(validating: raw)
        try slug.checkAddressable()
    }

    /// The new, empty registry at version 1.
    package func makeRegistry(_ stamp: ChangeStamp) -> Registry {
        var registry = Registry(slug: slug, displayName: displayName, description: description)
        registry.metadata.tags = tags
        registry.metadata.touch(stamp)
        return registry
    }
}

/// The body of `PATCH /api/chat/registries/{registry}`: `display_name`, `description`, `metadata.tags`.
package struct PatchRegistryBody: Sendable {
    package let expectedVersion: UInt64?
    private let displayName: String?
    private let description: String?
    private let metadata: GivenMetadata
    private let slug: String?

    /// - Parameter isMergePatch: whether null clears a field (RFC 7396) or counts as absent.
    package init(decoding document: JSONValue, isMergePatch: Bool = false) throws(ValidationError) {
        do throws(FieldError) {
            var reader = try ObjectReader(document)
            let cleared = isMergePatch ? "" : nil
            func clears(_ key: String) -> Bool { document[key]?.isNull == true }
            slug = try reader.string("slug")
            displayName =
                try reader.string("display_name").map(SlugText.trimmed) ?? (clears("display_name") ? cleared : nil)
            description =
                try reader.string("description").map(SlugText.trimmed) ?? (clears("description") ? cleared : nil)
            expectedVersion = try reader.uint64("expected_version")
            metadata = try GivenMetadata(
                reader.reader("metadata"),
                removesTags: isMergePatch && document["metadata"]?["tags"]?.isNull == true)
            try reader.finish()
        } catch { throw ValidationError(error) }
    }

    /// The patched registry, one version on; the registry as it was when the patch changes nothing.
    package func apply(to registry: Registry, _ stamp: ChangeStamp) throws(ValidationError) -> Registry {
        if let slug, RegistrySlug(slug) != registry.slug {
            throw ValidationError(
                field: RegistrySlug.field, reason: "a registry cannot be renamed; the path says \"\(registry.slug)\"")
        }
        var patched = registry
        if let displayName { patched.displayName = displayName }
        if let description { patched.description = description }
        if let tags = try metadata.tags(changing: registry.metadata) { patched.metadata.tags = tags }
        guard patched.storedDocument() != registry.storedDocument() else { return registry }
        patched.metadata.touch(stamp)
        return patched
    }
}

/// The optional body of `POST …/profiles/{slug}/default`; the version is the registry's.
package struct SetDefaultBody: Sendable {
    package let registry: RegistrySlug?
    package let expectedVersion: UInt64?

    /// - Parameter document: nil for an empty body.
    package init(decoding document: JSONValue?) throws(ValidationError) {
        var reader = try reading { () throws(FieldError) in try ObjectReader(document ?? [:]) }
        let raw = try reading { () throws(FieldError) in try reader.string("registry") } ?? ""
        expectedVersion = try reading { () throws(FieldError) in try reader.uint64("expected_version") }
        try reading { () throws(FieldError) in try reader.finish() }
        registry = SlugText.isBlank(raw) ? nil : try RegistrySlug(validating: raw)
    }
}
