extension BlockingPool {
    /// Runs work that blocks on a thread of the pool, for a caller that is suspended meanwhile.
    ///
    /// The work can tell from the cancellation, which the task's own cancels, that nobody wants it any more. Throws what
    /// the work throws, `RegistryError.closed` when the pool is stopping.
    func run<Value: Sendable>(
        _ cancellation: Cancellation = Cancellation(), _ work: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isQueued = submit { continuation.resume(with: Result { try work(cancellation) }) }
                if !isQueued { continuation.resume(throwing: RegistryError.closed) }
            }
        } onCancel: {
            cancellation.cancel()
        }
    }
}
