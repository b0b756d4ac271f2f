import Profiles
import SQLite
import Synchronization

// Forgetting what retention no longer keeps: the reader finds it, the worker deletes it in small transactions when
// nothing else is waiting, and a write that comes in waits for one of them at most.
extension Tenant {
    /// Whether a look is due: after changes, when the tenant rests, or at the latest after ten minutes of them; and
    /// once a day, for what grew too old.
    func isPruningDue(now: UInt64) -> Bool {
        let interval = services.retention.interval.nanoseconds
        guard state == .serving, !store.withLock({ $0.isReadOnly }) else { return false }
        return work.withLock { work in
            guard !work.isPruning else { return false }
            if work.pruningBase == 0 { work.pruningBase = now }
            let last = max(work.lastPruned, work.pruningBase)
            guard work.hasWrittenSincePruning else { return now >= last + SweepTimes.pruneAtLeast }
            let rests = !work.isDirty && now >= work.lastWrite + SweepTimes.pruneAfter
            let isOver = work.lastPruned == 0 || now >= work.lastPruned + interval
            return rests && isOver || now >= last + SweepTimes.pruneAtLatest
        }
    }

    /// Starts a look on a thread that does not block.
    func startPruning() {
        work.withLock { work in
            work.isPruning = true
            work.hasWrittenSincePruning = false
        }
        Task { [weak self] in await self?.prune() }
    }

    private func prune() async {
        var removed = (versions: 0, auditEntries: 0)
        do throws(RegistryError) {
            let (retention, nowMs) = (services.retention, services.environment.nowMs())
            var pass = try await read { (connection) throws(SQLiteError) in
                try PruningPass(retention, nowMs: nowMs, connection)
            }
            while true {
                let asked = pass
                let (batch, next) = try await read { (connection) throws(SQLiteError) in
                    var pass = asked
                    return (try pass.next(connection), pass)
                }
                guard !batch.isEmpty else { break }
                try await remove(batch)
                pass = next
                removed.versions += batch.versions.count
                removed.auditEntries += batch.auditEntries.count
            }
        } catch {
            // Closing, a lock, another program's changes: the next look goes on. The rest an operator should see.
            work.withLock { $0.hasWrittenSincePruning = true }
            if error != .closed, !error.isBusy { log("history could not be pruned", error) }
        }
        if removed.versions > 0 || removed.auditEntries > 0 {
            services.environment.log(
                TenantEvent(
                    .info, "history pruned", tenant: slug.rawValue,
                    [("versions", "\(removed.versions)"), ("audit_entries", "\(removed.auditEntries)")]))
        }
        let now = ConditionLock.now()
        work.withLock { work in
            work.isPruning = false
            work.lastPruned = now
        }
    }

    private func remove(_ batch: PruningPass.Batch) async throws(RegistryError) {
        let result = await withCheckedContinuation { continuation in
            let pending = PendingPruning(batch: batch, continuation: continuation)
            let isOpen = work.withLock { work -> Bool in
                guard !work.isShutDown else { return false }
                work.pruning = pending
                return true
            }
            guard isOpen else { return pending.finish(.failure(.closed)) }
            onActivity(self)
            startWorker()
        }
        try result.get()
    }

    /// The worker's part.
    func perform(_ pending: PendingPruning) {
        do throws(RegistryError) {
            guard state == .serving else { throw .closed }
            publish(
                try store.withLock { store throws(RegistryError) in
                    try store.openForReading()
                    return store.content
                })
            try store.withLock { store throws(RegistryError) in try store.remove(pending.batch) }
            pending.finish(.success(()))
        } catch {
            // As after a failed checkpoint: a connection that met a failing disk may be stuck.
            if error.failsGroup, !error.isBusy, error != .closed { store.withLock { $0.drop() } }
            pending.finish(.failure(error))
        }
    }
}

/// Rows that wait to be deleted, and the suspended pass that found them.
struct PendingPruning: Sendable {
    let batch: PruningPass.Batch
    let continuation: CheckedContinuation<Result<Void, RegistryError>, Never>

    func finish(_ result: Result<Void, RegistryError>) { continuation.resume(returning: result) }
}

extension Duration {
    fileprivate var nanoseconds: UInt64 {
        UInt64(clamping: components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
    }
}
