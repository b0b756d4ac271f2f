import Profiles
import Synchronization

extension Tenant {
    /// Puts a staged file in force: closes the tenant, swaps, reopens, checks, and goes back if a check fails.
    ///
    /// Works on a quarantined tenant and one whose file could never be opened. Requests meanwhile get `restoring`.
    /// Throws `backupInvalid` when a check failed and the old file is in force again, and what the files throw.
    func putInForce(_ journal: RestoreJournal, content: TenantContent) async throws(RegistryError)
        -> PendingRestore.Outcome
    {
        let result = await withCheckedContinuation { continuation in
            let restore = PendingRestore(journal: journal, content: content, continuation: continuation)
            guard work.withLock({ $0.add(restore) }) else {
                return continuation.resume(returning: .failure(.closed))
            }
            onActivity(self)
            startWorker()
        }
        return try result.get()
    }

    /// By the worker.
    func performRestore(_ restore: PendingRestore) {
        let started = ConditionLock.now()
        let before = published.withLock { published -> State in
            defer { published.state = .restoring }
            return published.state
        }
        guard before != .closed else {
            published.withLock { $0.state = .closed }
            return restore.continuation.resume(returning: .failure(.closed))
        }
        // What waits was judged by its callers against a state that is about to go.
        for write in work.withLock({ $0.takeWrites() }) { write.fail(.restoring(retryAfter: 1)) }
        do throws(RegistryError) {
            let (checks, content) = try store.withLock { store throws(RegistryError) in
                try store.replace(by: restore.journal, content: restore.content)
                let checks = store.servingChecks()
                if let failed = checks.first(where: { $0.status == .failed }) {
                    try store.putBack(restore.journal)
                    throw .backupInvalid("\(failed.id): \(failed.found); the file before it is in force again")
                }
                store.sources?.reload(beside: store.content)
                return (checks, store.content)
            }
            publish(content)
            work.withLock { $0.noteLoaded() }
            finish(restore.journal)
            restore.continuation.resume(
                returning: .success(.init(checks: checks, unavailableNs: ConditionLock.now() - started)))
        } catch {
            goBack(to: before)
            restore.continuation.resume(returning: .failure(error))
        }
    }

    /// The old file lies in its place again: opened, or set aside as it was.
    private func goBack(to before: State) {
        do throws(RegistryError) {
            publish(
                try store.withLock { store throws(RegistryError) in
                    try store.comeBack()
                    store.sources?.reload(beside: store.content)
                    return store.content
                })
            work.withLock { $0.noteLoaded() }
        } catch {
            if error.isAboutTheFile { return quarantine(error) }
            // A lock or a failing disk: as before, and the next look decides.
            published.withLock { $0.state = before }
            work.withLock { work in if work.isLoaded { work.wantsRefresh = true } }
        }
    }

    private func finish(_ journal: RestoreJournal) {
        do throws(RegistryError) {
            try store.withLock { store throws(RegistryError) in try store.finishReplacing(journal) }
        } catch {
            // The new file is in force either way; the next start tidies up.
            services.environment.log(
                TenantEvent(
                    .warning, "restore could not be tidied up", tenant: slug.rawValue, [("reason", error.message)]))
        }
    }
}
