import Profiles
import Synchronization

// Several times a second, on a thread that may block: what is due for each tenant, and who is let go.
extension TenantDirectory {
    func scheduleSweep() {
        services.timers.schedule(after: SweepTimes.interval) { [weak self] in
            guard let self else { return }
            services.pool.submit { [weak self] in
                guard let self, !isClosed.load(ordering: .acquiring) else { return }
                sweep()
                scheduleSweep()
            }
        }
    }

    private func sweep() {
        clock.add(1, ordering: .relaxed)
        do throws(RegistryError) {
            try refreshKnown()
        } catch {
            services.environment.log(
                TenantEvent(.warning, "tenants could not be listed", tenant: "", [("reason", error.message)]))
        }
        let now = ConditionLock.now()
        var tenants: [Tenant] = []
        for shard in shards {
            tenants += shard.entries.withLock { entries in entries.values.compactMap(\.strong) }
        }
        for tenant in tenants { tenant.sweep(now: now) }
        closeSurplus(tenants)
        letGo(tenants)
        dropDead()
    }

    /// Closes the files of the least recently used tenants when too many are open.
    private func closeSurplus(_ tenants: [Tenant]) {
        let open = tenants.filter { $0.work.withLock { $0.filesAreOpen } }
        guard open.count > configuration.maximumOpen else { return }
        let oldestFirst = open.sorted { $0.lastUse.load(ordering: .relaxed) < $1.lastUse.load(ordering: .relaxed) }
        for tenant in oldestFirst.prefix(open.count - configuration.maximumOpen) { tenant.closeFilesEarly() }
    }

    /// Lets the least recently used quiet tenants go when there are too many, or they take too much memory.
    private func letGo(_ tenants: [Tenant]) {
        var count = tenants.count
        var bytes = tenants.reduce(0) { $0 + $1.weight }
        guard count > configuration.maximumResident || bytes > configuration.maximumResidentBytes else { return }
        let now = clock.load(ordering: .relaxed)
        let oldestFirst = tenants.sorted { $0.lastUse.load(ordering: .relaxed) < $1.lastUse.load(ordering: .relaxed) }
        for tenant in oldestFirst {
            guard count > configuration.maximumResident || bytes > configuration.maximumResidentBytes else { return }
            // One that was used since the last sweep is in use.
            guard tenant.lastUse.load(ordering: .relaxed) + 1 < now else { return }
            let isGone = shard(tenant.slug).entries.withLock { entries in
                guard entries[tenant.slug]?.strong === tenant, tenant.isQuiet else { return false }
                entries[tenant.slug]?.strong = nil
                return true
            }
            if isGone {
                count -= 1
                bytes -= tenant.weight
            }
        }
    }

    private func dropDead() {
        for shard in shards {
            shard.entries.withLock { entries in
                for (slug, entry) in entries where entry.strong == nil && entry.tenant == nil {
                    entries[slug] = nil
                }
            }
        }
    }
}

extension Tenant {
    /// Whether its file has been read; until then its snapshot is empty. Any thread, no I/O.
    package var isLoaded: Bool { work.withLock { $0.isLoaded } }

    /// Nothing is going on and nothing is open. A write that comes in next makes the directory hold the tenant again.
    var isQuiet: Bool { work.withLock { $0.isQuiet } }

    /// About what the tenant occupies in memory, in bytes.
    var weight: Int {
        let snapshot = published.withLock { $0.snapshot }
        return snapshot.content.weight + snapshot.mounted.registries.weight
    }
}
