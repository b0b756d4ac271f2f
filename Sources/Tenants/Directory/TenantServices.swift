/// What all tenants of a process share: threads that may block, a timer, clocks.
final class TenantServices: Sendable {
    let pool: BlockingPool
    let timers: TimerThread
    let environment: TenantEnvironment
    let retention: HistoryRetention

    init(threads: Int, environment: TenantEnvironment, retention: HistoryRetention) {
        pool = BlockingPool(threads: threads)
        timers = TimerThread()
        self.environment = environment
        self.retention = retention
    }

    /// Ends the threads; work that is queued is finished. Blocks.
    func stop() {
        timers.stop()
        pool.stop()
    }
}
