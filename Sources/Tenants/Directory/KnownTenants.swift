import Profiles

/// The tenants that have a directory, as last listed.
struct KnownTenants {
    let directory: String
    private(set) var slugs: Set<TenantSlug> = []
    /// The directory as it was when listed; nil when what comes next may not show in it.
    private var listed: FileIdentity?
    /// More than a step of the clock by which kernels before 6.13 date changes.
    private static let clockStepNs: Int64 = 100_000_000
    private let nowMs: @Sendable () -> Int64

    /// - Parameter nowMs: the wall clock, milliseconds since 1970.
    init(directory: String, nowMs: @escaping @Sendable () -> Int64) {
        self.directory = directory
        self.nowMs = nowMs
    }

    func contains(_ slug: TenantSlug) -> Bool { slugs.contains(slug) }

    /// Returns whether it was new.
    mutating func insert(_ slug: TenantSlug) -> Bool { slugs.insert(slug).inserted }

    mutating func remove(_ slug: TenantSlug) { slugs.remove(slug) }

    /// Lists the directory. Names that are no tenant slugs are none of ours.
    mutating func read() throws(RegistryError) {
        listed = nil
        let identity = FileIdentity.of(directory)
        let now = nowMs() * 1_000_000
        let moment = now - Self.clockStepNs...now + Self.clockStepNs
        slugs = Set(
            try FileSystem.names(in: directory).compactMap { name in
                guard let slug = TenantSlug(name), slug.rawValue == name else { return nil }
                return slug
            })
        // One that has just changed may change again without its time showing it: it is listed once more.
        if let identity, !moment.contains(identity.changedNs) { listed = identity }
    }

    mutating func readIfChanged() throws(RegistryError) {
        guard FileIdentity.of(directory) != listed else { return }
        try read()
    }
}
