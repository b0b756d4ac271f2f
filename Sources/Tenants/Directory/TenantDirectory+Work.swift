package import Profiles

extension TenantDirectory {
    /// Runs work on documents that takes a while on the thread there is for it; the caller is suspended and holds none.
    ///
    /// For what would keep a thread that serves connections from serving them, such as reading a document of megabytes.
    /// Tenants take turns, however much work one of them has. Work whose task is cancelled before it has begun is
    /// dropped. Throws what the work throws, `cancelled`, `closed` while the process ends.
    package func offload<Value: Sendable>(
        for tenant: TenantSlug?, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        // At most one of a tenant's is in the pool's queue, so that all tenants' are done in turn there.
        guard await services.documentTurns.begin(tenant) else { throw RegistryError.cancelled(Self.waiting) }
        defer { services.documentTurns.end(tenant) }
        return try await services.documents.run { cancellation in
            try cancellation.check(Self.waiting)
            return try work()
        }
    }

    private static let waiting = "waiting to read or write a document"
}
