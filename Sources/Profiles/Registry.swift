/// A named set of profiles with a default; the profiles themselves are kept beside it.
package struct Registry: Sendable, Equatable {
    package var slug: RegistrySlug
    package var displayName: String
    package var description: String
    package var defaultProfileSlug: ProfileSlug?
    package var metadata: RegistryMetadata

    package init(
        slug: RegistrySlug, displayName: String = "", description: String = "",
        defaultProfileSlug: ProfileSlug? = nil, metadata: RegistryMetadata = RegistryMetadata()
    ) {
        self.slug = slug
        self.displayName = displayName
        self.description = description
        self.defaultProfileSlug = defaultProfileSlug
        self.metadata = metadata
    }
}
