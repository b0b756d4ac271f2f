package import Profiles

// Where the backups of a tenant lie.
extension BackupService {
    /// The place new backups of a tenant's registry file go to.
    ///
    /// `<data>/tenants/<t>/backups`; for a file elsewhere beside it, as the runbook's `cp` does; below the configured
    /// directory or `wanted` a directory of the tenant's own, so that one tenant's retention never meets another's files.
    func place(of tenant: TenantSlug, file: RegistryFile, in wanted: String?) throws(RegistryError) -> BackupPlace {
        if let chosen = wanted ?? settings.directory {
            let tenants = directory.configuration.data.tenantsPath
            guard let planned = FileSystem.plannedPath(chosen) else {
                throw .unsafePath(
                    chosen, "cannot be found, or leads through a directory that is not there; write it out")
            }
            guard planned != tenants, !planned.hasPrefix(tenants + "/") else {
                throw .unsafePath(
                    chosen, "lies among the tenants' directories and would be taken for one; name another")
            }
            if FileStatus(chosen) == nil { try FileSystem.makeDirectory(chosen) }
            // What is named by the operator may be a link to where it is mounted; below it nothing is followed.
            let real = try FileSystem.realPath(chosen)
            // Others could put a directory of their own in the tenant's place; in a sticky one (`/tmp`) they cannot.
            try FileSystem.checkDirectory(real, allowsSticky: true)
            return BackupPlace(
                directory: (real == "/" ? "" : real) + "/" + tenant.rawValue, base: file.name, isOwn: false)
        }
        return .own(of: file)
    }

    /// Everywhere a tenant's backups are looked for: the configured place, our own, and beside the file.
    func places(of tenant: TenantSlug, base: String? = nil) -> [BackupPlace] {
        let file = directory.registryFile(of: tenant)
        let base = base ?? file.name
        var directories: [String] = []
        // Not there yet: then nothing is in it either.
        if let chosen = settings.directory, let real = try? FileSystem.realPath(chosen) {
            directories.append((real == "/" ? "" : real) + "/" + tenant.rawValue)
        }
        for own in [BackupPlace.own(of: file).directory, file.directory] where !directories.contains(own) {
            directories.append(own)
        }
        return directories.map { BackupPlace(directory: $0, base: base) }
    }

    /// The backups of a tenant's registry file and of what belongs to it, newest first.
    ///
    /// Throws `tenantNotFound`, and what the directories throw.
    package func list(_ tenant: TenantSlug) async throws(RegistryError) -> [BackupFile] {
        guard directory.exists(tenant) else { throw .tenantNotFound(tenant.rawValue) }
        return try await looking { [self] _ in try listed(tenant) }
    }

    func listed(_ tenant: TenantSlug) throws(RegistryError) -> [BackupFile] {
        var found: [BackupFile] = []
        for base in [directory.registryFile(of: tenant).name] + Self.companions {
            for place in places(of: tenant, base: base) {
                let known = Set(found.map(\.fileName))
                // A name that is there twice means the one that is looked for first.
                found += try place.list().filter { !known.contains($0.fileName) }
            }
        }
        return found.sorted { $1.isOlder(than: $0) }
    }

    /// Removes a backup by its name. Throws `backupNotFound`.
    package func remove(_ name: String, of tenant: TenantSlug) async throws(RegistryError) {
        guard directory.exists(tenant) else { throw .tenantNotFound(tenant.rawValue) }
        try await inTurn(tenant) { () async throws(RegistryError) in
            try await onThread { [self] _ in
                guard let file = try listed(tenant).first(where: { $0.fileName == name }) else {
                    throw RegistryError.backupNotFound(name)
                }
                let directory = FileSystem.parentDirectory(file.path)
                try BackupPlace(directory: directory, base: file.name.base).remove(file)
            }
        }
    }

    /// The files beside a tenant's registry file that are backed up with it when they exist.
    static let companions = ["conversations.db"]
    /// The data directory's own database.
    static let control = "control.db"
}
