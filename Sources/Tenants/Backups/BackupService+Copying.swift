internal import Glibc
package import Profiles

extension BackupService {
    /// Reads a tenant's live file through a connection of its own, on a thread, beside its writers; anew when the file was
    /// replaced meanwhile.
    ///
    /// - Parameter body: ends when the cancellation says so; what it is given besides tells the tenant early that the
    ///   file is no longer read.
    func besideWriters<Value: Sendable>(
        of tenant: Tenant, _ what: String,
        _ body: @escaping @Sendable (Cancellation, _ closed: () -> Void) throws -> Value
    ) async throws(RegistryError) -> Value {
        var attempts = 3
        while true {
            let pass = try await tenant.beginCopy()
            do throws(RegistryError) {
                let value = try await onThread { cancellation in
                    let either = Cancellation(under: cancellation, pass.interruption)
                    try either.check(what)
                    guard tenant.copies.open(pass) else { throw RegistryError.cancelled(what) }
                    return try body(either) { tenant.copies.leave(pass) }
                }
                tenant.endCopy(pass)
                return value
            } catch {
                tenant.endCopy(pass)
                attempts -= 1
                guard case .cancelled = error, pass.isInterrupted, !stopping.isCancelled, attempts > 0 else {
                    throw error
                }
            }
        }
    }

    /// Runs work that blocks on one of the service's threads.
    package func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        try await onThread { _ in try body() }
    }

    /// Copies the present state of a tenant's registry file to a new file, in a directory that is made if it is missing.
    ///
    /// Throws what keeps the tenant from serving, `diskFull`, `cancelled`.
    package func copy(_ slug: TenantSlug, to path: String) async throws(RegistryError) {
        try await inTurn(slug) { () async throws(RegistryError) in
            let tenant = try await directory.open(slug)
            _ = try await besideWriters(of: tenant, "copying \(tenant.file.path)") { [self] cancellation, closed in
                try FileSystem.makeDirectory(FileSystem.parentDirectory(path))
                guard FileStatus(path) == nil else { throw FileSystem.failure(EEXIST, "create", path) }
                let copy = DatabaseCopy(source: tenant.file.path, options: tenant.options, target: path)
                do { return try copy.run(cancellation, closed: closed) } catch {
                    discard(path)
                    throw error
                }
            }
        }
    }
}
