package import Profiles
package import SQLite
import Synchronization

/// All tenants of the process: which there are, which are in memory, and that none exists twice.
///
/// `resident` is the hot path: one short lock of one of 64 shards, no I/O. A tenant used recently is held strongly; one
/// that was not is let go once its file is closed, and if someone still holds it, the same object is taken back: two
/// objects, and so two writers, for one file cannot exist.
package final class TenantDirectory: Sendable {
    package struct Configuration: Sendable {
        package var data: DataDirectory
        /// Tenants that exist because the operator named them; their directories are made when first used.
        package var configured: Set<TenantSlug>
        /// A tenant whose registry file lies elsewhere (`--profile-registry-db`/`-dsn`), and how it is opened.
        package var elsewhere: [TenantSlug: (file: RegistryFile, options: ConnectionOptions)]
        /// Files of registries mounted into a tenant, lowest first.
        package var sources: [TenantSlug: [RegistrySource]] = [:]
        package var sourceReading = SourceReading()
        /// Tenants whose files are open at once, beyond which the least recently used are closed early.
        package var maximumOpen: Int
        /// Tenants in memory at once, and about how many bytes they may take together.
        package var maximumResident: Int
        package var maximumResidentBytes: Int
        /// Threads for work that blocks on disks.
        package var threads: Int
        /// Where backups go when a request names no place; below it one directory per tenant.
        package var backupDirectory: String?
        /// How much of each tenant's past is kept.
        package var retention = HistoryRetention()

        package init(
            data: DataDirectory, configured: Set<TenantSlug> = [],
            elsewhere: [TenantSlug: (file: RegistryFile, options: ConnectionOptions)] = [:], maximumOpen: Int = 512,
            maximumResident: Int = 10_000, maximumResidentBytes: Int = 128 << 20, threads: Int = 4
        ) {
            self.data = data
            self.configured = configured
            self.elsewhere = elsewhere
            self.maximumOpen = maximumOpen
            self.maximumResident = maximumResident
            self.maximumResidentBytes = maximumResidentBytes
            self.threads = threads
        }
    }

    let configuration: Configuration
    let services: TenantServices
    let shards: [Shard]
    let clock = Atomic<UInt64>(1)
    let isClosed = Atomic<Bool>(false)
    private let locks: [OwnershipLock]
    private let known: Mutex<KnownTenants>

    final class Shard: Sendable {
        struct Entry {
            var strong: Tenant?
            weak var tenant: Tenant?
        }

        let entries = Mutex<[TenantSlug: Entry]>([:])
    }

    /// Takes the locks of files outside the data directory and starts the threads. Blocks as files do.
    ///
    /// Throws `inUseByProcess`, `unsafePath`, `readOnly`, `diskFull`, `storage`.
    package init(configuration: Configuration, environment: TenantEnvironment, owner: OwnershipLock.Owner)
        throws(RegistryError)
    {
        var configuration = configuration
        var locks: [OwnershipLock] = []
        for (tenant, place) in configuration.elsewhere {
            let file = try Self.resolved(place.file)
            configuration.elsewhere[tenant] = (file, place.options)
            locks.append(try OwnershipLock(path: file.lockPath, owner: owner))
        }
        self.configuration = configuration
        self.locks = locks
        known = Mutex(KnownTenants(directory: configuration.data.tenantsPath, nowMs: environment.nowMs))
        shards = (0..<64).map { _ in Shard() }
        services = try TenantServices(
            threads: configuration.threads, environment: environment, retention: configuration.retention)
        try known.withLock { known throws(RegistryError) in try known.read() }
        scheduleSweep()
    }

    /// The tenant if it is in memory; its file may not have been read yet (`isLoaded`). Any thread, no I/O; what it
    /// serves is at most a second old.
    package func resident(_ slug: TenantSlug) -> Tenant? {
        guard let tenant = shard(slug).entries.withLock({ $0[slug]?.strong }) else { return nil }
        tenant.lastUse.store(clock.load(ordering: .relaxed), ordering: .relaxed)
        return tenant
    }

    /// The tenant, brought into memory if it is not.
    ///
    /// A quarantined tenant is returned too: its `current()` throws why. Throws `tenantNotFound`; `busy`, `readOnly`,
    /// `diskFull`, `storage` when the file cannot be opened now: the next call tries again.
    package func open(_ slug: TenantSlug) async throws(RegistryError) -> Tenant {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        if let tenant = resident(slug), tenant.isLoaded { return tenant }
        guard exists(slug) else { throw .tenantNotFound(slug.rawValue) }
        return try await bringIn(slug)
    }

    /// Whether there is such a tenant. Any thread, no I/O; a directory made by hand is seen within a second.
    package func exists(_ slug: TenantSlug) -> Bool {
        configuration.configured.contains(slug) || configuration.elsewhere[slug] != nil
            || known.withLock { $0.contains(slug) }
    }

    /// How the tenant is, if it is in memory and its file has been read; does not count as a use. Any thread, no I/O.
    package func state(of slug: TenantSlug) -> Tenant.State? {
        guard let tenant = shard(slug).entries.withLock({ $0[slug]?.strong }), tenant.isLoaded else { return nil }
        return tenant.state
    }

    /// Makes a tenant with the built-in profiles. Throws `tenantExists` when there is one.
    package func create(_ slug: TenantSlug) async throws(RegistryError) -> Tenant {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        let isNew = known.withLock { $0.insert(slug) }
        guard isNew && !configuration.configured.contains(slug) && configuration.elsewhere[slug] == nil else {
            throw .tenantExists(slug.rawValue)
        }
        do throws(RegistryError) {
            return try await bringIn(slug)
        } catch {
            known.withLock { $0.remove(slug) }
            throw error
        }
    }

    /// All tenants' slugs in order.
    package var slugs: [TenantSlug] {
        known.withLock { $0.slugs }.union(configuration.configured).union(configuration.elsewhere.keys).sorted()
    }

    /// The tenant, whether or not its file can be opened: for restoring it. Throws `tenantNotFound`, `closed`.
    func forRestoring(_ slug: TenantSlug) throws(RegistryError) -> Tenant {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed }
        guard exists(slug) else { throw .tenantNotFound(slug.rawValue) }
        return try admit(slug).0
    }

    /// Lets go of a tenant that was taken for restoring and could not be.
    func endRestoring(_ tenant: Tenant) { release(tenant) }

    /// The real path of the data directory.
    package var dataPath: String { configuration.data.path }

    /// The registry file a tenant has or would have. Any thread, no I/O.
    package func registryFile(of slug: TenantSlug) -> RegistryFile {
        configuration.elsewhere[slug]?.file ?? configuration.data.registry(slug)
    }

    /// Finishes waiting writes, checkpoints and closes every file, ends the threads and lets go of the locks. Later calls
    /// throw `closed`.
    package func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for shard in shards {
            let tenants = shard.entries.withLock { entries in entries.values.compactMap(\.tenant) }
            for tenant in tenants { await tenant.shutDown() }
        }
        let services = services
        // Joining blocks, and not one of the threads being joined.
        await PlainThread.run(name: "storage-stop") { services.stop() }
        for lock in locks { lock.release() }
        configuration.data.lock.release()
    }

    /// Rewrites what the lock files of registries elsewhere say, such as the URL once the listener is up.
    package func publish(_ owner: OwnershipLock.Owner) throws(RegistryError) {
        try configuration.data.lock.publish(owner)
        for lock in locks { try lock.publish(owner) }
    }

    func shard(_ slug: TenantSlug) -> Shard {
        shards[Int(truncatingIfNeeded: UInt(bitPattern: slug.hashValue) % UInt(shards.count))]
    }

    /// Reads the list of tenants again if their directory changed. Blocks as files do.
    func refreshKnown() throws(RegistryError) {
        try known.withLock { known throws(RegistryError) in try known.readIfChanged() }
    }

    private func bringIn(_ slug: TenantSlug) async throws(RegistryError) -> Tenant {
        let (tenant, wasAway) = try admit(slug)
        do throws(RegistryError) {
            try await tenant.load(looksAgain: wasAway)
            return tenant
        } catch {
            release(tenant)
            throw error
        }
    }

    /// The one object of a tenant: the one in memory, the one someone still holds, or a new one. Throws `closed`.
    private func admit(_ slug: TenantSlug) throws(RegistryError) -> (Tenant, wasAway: Bool) {
        try shard(slug).entries.withLock { entries throws(RegistryError) in
            // Asked under the lock: whoever comes before `close` shuts down the tenants of this shard is among them.
            guard !isClosed.load(ordering: .acquiring) else { throw .closed }
            if let tenant = entries[slug]?.strong { return (tenant, false) }
            if let tenant = entries[slug]?.tenant {
                entries[slug]?.strong = tenant
                return (tenant, true)
            }
            let tenant = makeTenant(slug)
            entries[slug] = Shard.Entry(strong: tenant, tenant: tenant)
            return (tenant, false)
        }
    }

    /// Lets go of a tenant that could not be opened, unless somebody has meanwhile opened it.
    private func release(_ tenant: Tenant) {
        shard(tenant.slug).entries.withLock { entries in
            guard entries[tenant.slug]?.strong === tenant, !tenant.isLoaded else { return }
            entries[tenant.slug]?.strong = nil
        }
    }

    private func makeTenant(_ slug: TenantSlug) -> Tenant {
        let tenant = Tenant(
            slug: slug, file: registryFile(of: slug),
            options: configuration.elsewhere[slug]?.options ?? ConnectionOptions(), services: services,
            sources: mounts(for: slug), backupDirectory: configuration.backupDirectory.map { "\($0)/\(slug)" }
        ) { [weak self] tenant in
            self?.hold(tenant)
        }
        tenant.lastUse.store(clock.load(ordering: .relaxed), ordering: .relaxed)
        return tenant
    }

    private func mounts(for slug: TenantSlug) -> SourceMounts? {
        guard let sources = configuration.sources[slug], !sources.isEmpty else { return nil }
        let own =
            [configuration.data.path] + configuration.elsewhere.values.map(\.file.path)
            + configuration.sourceReading.forbidden
        return SourceMounts(
            sources, tenant: slug.rawValue,
            files: SourceFiles(reading: configuration.sourceReading, ownPlaces: own),
            environment: services.environment)
    }

    /// A tenant with work to do is in memory again, whoever gave it the work.
    private func hold(_ tenant: Tenant) {
        shard(tenant.slug).entries.withLock { entries in
            if entries[tenant.slug]?.strong == nil {
                entries[tenant.slug] = Shard.Entry(strong: tenant, tenant: tenant)
            }
        }
        tenant.lastUse.store(clock.load(ordering: .relaxed), ordering: .relaxed)
    }

    /// The real path of a file outside the data directory; its directory is made if it is missing.
    private static func resolved(_ file: RegistryFile) throws(RegistryError) -> RegistryFile {
        let path = file.path.hasPrefix("/") ? file.path : try FileSystem.realPath(".") + "/" + file.path
        let directory = FileSystem.parentDirectory(path)
        if FileStatus(directory)?.kind != .symbolicLink { try FileSystem.makeDirectory(directory, allowsSticky: true) }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        guard !name.isEmpty, name != ".", name != ".." else { throw .unsafePath(path, "is no file name") }
        let realDirectory = try FileSystem.realPath(directory)
        try FileSystem.checkDirectory(realDirectory, allowsSticky: true)
        return RegistryFile(path: (realDirectory == "/" ? "" : realDirectory) + "/" + name, isElsewhere: true)
    }
}
