/// What all tenants of a process share: threads that may block, a timer, clocks.
final class TenantServices: Sendable {
    let pool: BlockingPool
    /// One thread for documents of megabytes: reading one takes seconds and a few hundred megabytes of memory, which
    /// must neither hold up other tenants' writes nor come twice at a time.
    let documents: BlockingPool
    /// Whose turn on it is next: a tenant with many documents holds up nobody else's.
    let documentTurns = TurnByTenant()
    let timers: TimerThread
    let environment: TenantEnvironment
    let retention: HistoryRetention

    /// Throws `storage` when the system gives no threads.
    init(threads: Int, environment: TenantEnvironment, retention: HistoryRetention) throws(RegistryError) {
        pool = try BlockingPool(threads: threads)
        documents = try BlockingPool(threads: 1, name: "documents", niceness: 5)
        timers = try TimerThread()
        self.environment = environment
        self.retention = retention
    }

    /// Ends the threads; work that is queued is finished. Blocks.
    func stop() {
        timers.stop()
        documents.stop()
        pool.stop()
    }
}
