/// What all tenants of a process share: threads that may block, a timer, clocks.
final class TenantServices: Sendable {
    let pool: BlockingPool
    /// One thread for documents of megabytes: reading one takes seconds and a few hundred megabytes of memory, which
    /// must neither hold up other tenants' writes nor come twice at a time.
    let documents: BlockingPool
    let timers: TimerThread
    let environment: TenantEnvironment
    let retention: HistoryRetention

    init(threads: Int, environment: TenantEnvironment, retention: HistoryRetention) {
        pool = BlockingPool(threads: threads)
        documents = BlockingPool(threads: 1, name: "documents", niceness: 5)
        timers = TimerThread()
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
