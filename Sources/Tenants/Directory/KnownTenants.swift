import Profiles

/// The tenants that have a directory, as last listed.
struct KnownTenants {
    let directory: String
    private(set) var slugs: Set<TenantSlug> = []
    private var listed: FileIdentity?

    init(directory: String) {
        self.directory = directory
    }

    func contains(_ slug: TenantSlug) -> Bool { slugs.contains(slug) }

    /// Returns whether it was new.
    mutating func insert(_ slug: TenantSlug) -> Bool { slugs.insert(slug).inserted }

    mutating func remove(_ slug: TenantSlug) { slugs.remove(slug) }

    /// Lists the directory. Names that are no tenant slugs are none of ours.
    mutating func read() throws(RegistryError) {
        listed = FileIdentity.of(directory)
        slugs = Set(
            try FileSystem.names(in: directory).compactMap { name in
                guard let slug = TenantSlug(name), slug.rawValue == name else { return nil }
                return slug
            })
    }

    mutating func readIfChanged() throws(RegistryError) {
        guard FileIdentity.of(directory) != listed else { return }
        try read()
    }
}
