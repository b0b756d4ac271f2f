extension TenantDirectory {
    /// Runs work on documents that takes a while on the thread there is for it; the caller is suspended and holds none.
    ///
    /// For what would keep a thread that serves connections from serving them, such as reading a document of megabytes.
    /// Throws what the work throws, `closed` while the process ends.
    package func offload<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let pool = services.documents
        return try await withCheckedThrowingContinuation { continuation in
            let isQueued = pool.submit { continuation.resume(with: Result { try work() }) }
            if !isQueued { continuation.resume(throwing: RegistryError.closed) }
        }
    }
}
