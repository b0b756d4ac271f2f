package import Profiles

extension BackupService {
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
            let pass = try await tenant.beginCopy()
            defer { tenant.endCopy(pass) }
            try await onThread { cancellation in
                guard tenant.copies.open(pass) else { throw RegistryError.cancelled("copying \(tenant.file.path)") }
                try FileSystem.makeDirectory(FileSystem.parentDirectory(path))
                let copy = DatabaseCopy(source: tenant.file.path, options: tenant.options, target: path)
                _ = try copy.run(whileTrue: { !pass.isInterrupted && !cancellation.isCancelled }) {
                    tenant.copies.leave(pass)
                }
            }
        }
    }
}
