package import Profiles

/// The layout under `data_dir` (gateway.md §2), owned by this process for its lifetime.
///
/// A tenant's path is built only from a validated `TenantSlug`, and the directory is resolved to its real path first:
/// inside it no symbolic link is followed.
package struct DataDirectory: Sendable {
    package let path: String
    package let lock: OwnershipLock

    /// Creates the directory if it is missing, checks it, and takes its lock. Blocks as files do.
    package init(creating path: String, owner: OwnershipLock.Owner) throws(RegistryError) {
        if FileStatus(path)?.kind != .symbolicLink { try FileSystem.makeDirectory(path) }
        self.path = try FileSystem.realPath(path)
        try FileSystem.checkDirectory(self.path)
        lock = try OwnershipLock(path: self.path + "/lock", owner: owner)
        try FileSystem.makeDirectory(tenantsPath)
    }

    /// Where the lock of a data directory lies, for those who look for its owner.
    package static func lockPath(in directory: String) -> String { directory + "/lock" }

    package var tenantsPath: String { path + "/tenants" }

    package func tenantPath(_ tenant: TenantSlug) -> String { tenantsPath + "/" + tenant.rawValue }

    package func registry(_ tenant: TenantSlug) -> RegistryFile {
        RegistryFile(path: tenantPath(tenant) + "/profiles.db")
    }
}
