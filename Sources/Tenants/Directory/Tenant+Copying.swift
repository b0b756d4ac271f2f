import Synchronization

// Copies of the live file, for backups and verification: taken by other threads, let in by the worker.
extension Tenant {
    /// Lets a copy of the live file in: the file is opened if it is not, changes of others are taken in, and until
    /// `endCopy` it is neither checkpointed nor closed, so that side files go with the worker's own connection.
    ///
    /// Waits for another process's lock as long as a write does, holding nothing meanwhile. Throws what keeps the tenant
    /// from serving, `busy`.
    func beginCopy() async throws(RegistryError) -> CopyPass {
        let deadline = ContinuousClock.now + busyTimeout
        while true {
            do throws(RegistryError) { return try await askForCopy() } catch {
                guard error.isBusy, .now < deadline, (try? await Task.sleep(for: Self.retryDelay)) != nil else {
                    throw error
                }
            }
        }
    }

    private static let retryDelay = Duration.milliseconds(50)

    private func askForCopy() async throws(RegistryError) -> CopyPass {
        let result = await withCheckedContinuation { continuation in
            guard work.withLock({ $0.add(continuation) }) else {
                return continuation.resume(returning: .failure(.closed))
            }
            onActivity(self)
            startWorker()
        }
        return try result.get()
    }

    /// The copy is over, whole or not; its connection is closed.
    func endCopy(_ pass: CopyPass) {
        copies.leave(pass)
        work.withLock { $0.endHold() }
        startWorker()
    }

    func performHold(_ waiter: TenantWork.HoldWaiter) {
        do throws(RegistryError) {
            _ = try current()
            publish(
                try store.withLock { store throws(RegistryError) in
                    // Changes of others are taken in by this, and served from here on.
                    try store.openForReading()
                    return store.content
                })
            waiter.resume(returning: .success(copies.enter()))
        } catch {
            work.withLock { $0.endHold() }
            if error.isAboutTheFile, state == .serving { setAside(error) }
            waiter.resume(returning: .failure(error))
        }
    }
}
