package import JSON
package import Profiles

/// A tenant without the backup that the schedule should have made.
package struct OverdueBackup: Sendable {
    package let tenant: TenantSlug
    /// The newest that counts; nil when there is none.
    package let newest: BackupFile?
    /// Why nobody can tell, such as a directory that cannot be read; nil when it is known.
    package let reason: String?

    /// As the API lists it (docs/backup.md).
    package func document() -> JSONValue {
        [
            "tenant": .string(tenant.rawValue), "backup": newest.map { .string($0.fileName) } ?? .null,
            "backup_created_at_ms": newest.map { .number(JSONNumber($0.createdAtMs)) } ?? .null,
            "error": reason.map { .string($0) } ?? .null,
        ]
    }
}

// How old the newest backup is. One that is dated ahead of the clock proves nothing of that: it would be the newest for ever.
extension BackupService {
    /// How far two clocks of one operator may be apart.
    static let clockToleranceMs: Int64 = 300_000

    /// Whether its time can be the one it was made at.
    func isCredible(_ file: BackupFile) -> Bool { file.createdAtMs <= environment.nowMs() + Self.clockToleranceMs }

    /// The newest backup of a tenant's registry file whose time is credible; of others, the one listed first.
    ///
    /// Nil when there is none. Throws `tenantNotFound`, and what the directories throw.
    package func newest(of tenant: TenantSlug) async throws(RegistryError) -> BackupFile? {
        let files = try await list(tenant).filter(\.isOfRegistry)
        return files.first(where: isCredible) ?? files.first
    }

    /// Whether there is a backup of a tenant's registry file made at that time or later. Throws what the directories throw.
    package func hasBackup(of tenant: TenantSlug, since limitMs: Int64) async throws(RegistryError) -> Bool {
        try await looking { [self] _ in try isThere(tenant, since: limitMs) }
    }

    /// The tenants whose scheduled backup is missing, in order; none where nothing is scheduled (`Settings.overdueBefore`).
    ///
    /// Throws `cancelled`, `closed`. A tenant whose backups cannot be looked at is among them.
    package func overdue() async throws(RegistryError) -> [OverdueBackup] {
        guard let limit = settings.overdueBefore(environment.nowMs()) else { return [] }
        var found: [OverdueBackup] = []
        // One after the other, each in its turn with what else is looked at.
        for tenant in directory.slugs.sorted() {
            let one = try await looking { [self] cancellation in
                try cancellation.check("looking for overdue backups")
                return overdue(tenant, since: limit)
            }
            if let one { found.append(one) }
        }
        return found
    }

    private func overdue(_ tenant: TenantSlug, since limit: Int64) -> OverdueBackup? {
        do throws(RegistryError) {
            guard try !isThere(tenant, since: limit) else { return nil }
            let newest = try listed(tenant).first { $0.isOfRegistry && isCredible($0) }
            return OverdueBackup(tenant: tenant, newest: newest, reason: nil)
        } catch {
            return OverdueBackup(tenant: tenant, newest: nil, reason: error.message)
        }
    }

    /// Asks the likeliest first: a manifest read per tenant, where all is well.
    private func isThere(_ tenant: TenantSlug, since limit: Int64) throws(RegistryError) -> Bool {
        for place in places(of: tenant) {
            for name in try place.names() {
                if let file = BackupFile(name, in: place), file.createdAtMs >= limit, isCredible(file) { return true }
            }
        }
        return false
    }
}
