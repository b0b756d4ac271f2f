internal import Glibc
internal import Profiles
internal import Tenants

/// Where the things of one installation are, as its configuration says: what a runbook fills in.
package struct Installation: Sendable, Equatable {
    package let tenant: String
    package let dataDirectory: String
    /// The tenant's registry file.
    package let registryFile: String
    /// Where the tenant's backups go.
    package let backups: String
    package let lock: String
    /// How a client on this machine reaches the server.
    package let url: String
    /// When backups are taken by themselves; nil: never.
    package let backupSchedule: String?

    /// - Parameter tenant: nil: the default tenant.
    /// - Throws: `ClientFailure` `usage` when there is none.
    package init(_ configuration: GatewayConfiguration, tenant name: String?) throws(ClientFailure) {
        guard let slug = name.map({ TenantSlug($0) }) ?? configuration.defaultTenant else {
            throw ClientFailure(.usage, "no tenant is named and none is the default: add --tenant")
        }
        tenant = slug.rawValue
        dataDirectory = Self.absolute(configuration.dataDirectory)
        lock = DataDirectory.lockPath(in: dataDirectory)
        let own = dataDirectory + "/tenants/" + slug.rawValue
        let elsewhere = slug == configuration.defaultTenant ? configuration.registryFile?.path : nil
        registryFile = elsewhere.map(Self.absolute) ?? own + "/profiles.db"
        if let chosen = configuration.backups.directory {
            backups = Self.absolute(chosen) + "/" + slug.rawValue
        } else if elsewhere != nil {
            backups = registryFile.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        } else {
            backups = own + "/backups"
        }
        url = LocalURL(bestOf: configuration.listen)?.description ?? "http://localhost:8080"
        backupSchedule = configuration.backups.schedule?.text
    }

    private static func absolute(_ path: String) -> String {
        // A directory that is not there yet has no real path.
        guard let real = realpath(path, nil) else { return AbsolutePath.of(path) }
        defer { free(real) }
        return String(cString: real)
    }
}
