internal import JSON
internal import Logging
internal import Profiles
internal import Synchronization
internal import Tenants

/// Takes a backup of every tenant by the clock, spread over the jitter, and remembers who failed.
///
/// A run that was missed, because the process was not there or still busy with the one before, is made up for once, at the
/// start or when the busy one is over: every tenant is backed up whose newest backup is older than the last due time, or
/// dated ahead of the clock.
final class BackupScheduler: Sendable {
    typealias Plan = GatewayConfiguration.BackupConfiguration

    private let plan: Plan
    private let tenants: TenantDirectory
    private let backups: BackupService
    /// Wall time in milliseconds since 1970.
    private let nowMs: @Sendable () -> Int64
    private let log: Logger
    private let state = Mutex(State())

    private struct State {
        var task: Task<Void, Never>?
        var nextRunAtMs: Int64?
        var lastRun: Run?
        /// By tenant, the last failure that no success has followed.
        var failing: [TenantSlug: Failure] = [:]
        var lastFinishedAtMs: Int64?
        /// Since the start.
        var succeeded: Int64 = 0
        var failed: Int64 = 0

        mutating func noteSuccess(_ tenant: TenantSlug) {
            failing[tenant] = nil
            lastRun?.succeeded += 1
            succeeded += 1
        }

        mutating func noteFailure(_ failure: Failure, of tenant: TenantSlug) {
            failing[tenant] = failure
            countFailure()
        }

        mutating func countFailure() {
            lastRun?.failed += 1
            failed += 1
        }
    }

    private struct Run {
        let startedAtMs: Int64
        var finishedAtMs: Int64?
        var succeeded = 0
        var failed = 0
    }

    private struct Failure {
        let atMs: Int64
        let reason: String
    }

    /// Backups at once; their threads are two.
    private static let concurrency = 2
    /// How long after its last moment a backup may take before it counts as overdue.
    private static let graceMs: Int64 = 600_000

    init(
        _ plan: Plan, tenants: TenantDirectory, backups: BackupService, nowMs: @escaping @Sendable () -> Int64,
        log: Logger
    ) {
        self.plan = plan
        self.tenants = tenants
        self.backups = backups
        self.nowMs = nowMs
        self.log = log
    }

    /// Begins to look at the clock; nothing happens without a schedule.
    func start() {
        guard let schedule = plan.schedule else { return }
        state.withLock { state in
            guard state.task == nil else { return }
            state.nextRunAtMs = schedule.next(afterMs: nowMs())
            state.task = Task.detached { [weak self] in await self?.serve(schedule) }
        }
    }

    /// Gives up what runs, and waits for its end.
    func stop() async {
        let task = state.withLock { $0.task }
        task?.cancel()
        await task?.value
    }

    /// When to look for overdue backups: not before what was missed has had its time.
    static func overdueTimes(_ plan: Plan) -> OverdueWatch.Times {
        OverdueWatch.Times(first: plan.jitter + .milliseconds(graceMs))
    }

    /// The last due time whose backup must be there at a given moment; nil where nothing is scheduled.
    static func overdueBefore(_ nowMs: Int64, _ plan: Plan) -> Int64? {
        plan.schedule?.previous(byMs: nowMs - plan.jitter.milliseconds - graceMs)
    }

    /// What a measurement tells.
    struct Figures: Sendable {
        /// Backups since the start.
        let succeeded: Int64
        let failed: Int64
        /// When a run was over last.
        let lastFinishedAtMs: Int64?
        /// Whose last backup failed, in order.
        let failing: [TenantSlug]
    }

    var figures: Figures {
        state.withLock { state in
            Figures(
                succeeded: state.succeeded, failed: state.failed,
                lastFinishedAtMs: state.lastFinishedAtMs, failing: state.failing.keys.sorted())
        }
    }

    /// What an operator wants to know (docs/backup.md).
    func document() -> JSONObject {
        let now = state.withLock { $0 }
        let failing = now.failing.sorted { $0.key < $1.key }.map { tenant, failure -> JSONValue in
            ["tenant": .string(tenant.rawValue), "failed_at_ms": .time(failure.atMs), "error": .string(failure.reason)]
        }
        return [
            "schedule": plan.schedule.map { .string($0.text) } ?? .null,
            "next_run_at_ms": .time(now.nextRunAtMs),
            "last_run": now.lastRun.map { run in
                [
                    "started_at_ms": .time(run.startedAtMs), "finished_at_ms": .time(run.finishedAtMs),
                    "succeeded": .number(JSONNumber(run.succeeded)), "failed": .number(JSONNumber(run.failed)),
                ]
            } ?? .null,
            "failing": .array(failing),
        ]
    }

    private func serve(_ schedule: CronSchedule) async {
        var startMs = nowMs()
        // What was missed before the start, and nothing that is there.
        var onlyOlderThan = schedule.previous(byMs: startMs)
        while !Task.isCancelled {
            // What was due until now, this run is for: also where it was woken late.
            let servedMs = nowMs()
            await run(startMs: startMs, onlyOlderThan: onlyOlderThan)
            let now = nowMs()
            guard let next = schedule.next(afterMs: now) else { return }
            state.withLock { $0.nextRunAtMs = next }
            if let missed = schedule.previous(byMs: now), missed > servedMs {
                (startMs, onlyOlderThan) = (now, missed)
                continue
            }
            (startMs, onlyOlderThan) = (next, nil)
            guard await sleep(untilMs: next) else { return }
        }
    }

    /// Sleeps by the wall clock, which may be set meanwhile; false when it was cancelled.
    private func sleep(untilMs time: Int64) async -> Bool {
        while true {
            let rest = time - nowMs()
            guard rest > 0 else { return !Task.isCancelled }
            do { try await Task.sleep(for: .milliseconds(min(rest, 30_000))) } catch { return false }
        }
    }

    /// - Parameters:
    ///   - startMs: when the jitter begins.
    ///   - limit: who has a backup since then needs none.
    private func run(startMs: Int64, onlyOlderThan limit: Int64?) async {
        let jitter = max(0, plan.jitter.milliseconds)
        let order = tenants.slugs.map { (slug: $0, atMs: startMs + Int64.random(in: 0...jitter)) }
            .sorted { $0.atMs < $1.atMs }
        state.withLock { $0.lastRun = Run(startedAtMs: nowMs()) }
        await withTaskGroup(of: Void.self) { group in
            for (number, entry) in order.enumerated() {
                if number >= Self.concurrency { await group.next() }
                guard await sleep(untilMs: entry.atMs) else { break }
                group.addTask { await self.backUp(entry.slug, onlyOlderThan: limit) }
            }
        }
        guard !Task.isCancelled else { return }
        await backUpControl()
        finishRun()
    }

    private func backUp(_ slug: TenantSlug, onlyOlderThan limit: Int64?) async {
        do throws(RegistryError) {
            if let limit, try await backups.hasBackup(of: slug, since: limit) { return }
            _ = try await backups.backUp(slug)
            state.withLock { $0.noteSuccess(slug) }
        } catch {
            switch error {
            case .closed: return
            // Else it was given up because the file was opened anew under it, and that again and again.
            case .cancelled where Task.isCancelled: return
            // Gone since the list was made.
            case .tenantNotFound: return
            default: break
            }
            let failure = Failure(atMs: nowMs(), reason: error.message)
            state.withLock { $0.noteFailure(failure, of: slug) }
            log.error("scheduled backup failed", metadata: ["tenant": "\(slug)", "reason": "\(error.message)"])
        }
    }

    private func backUpControl() async {
        do throws(RegistryError) { _ = try await backups.backUpControl() } catch {
            state.withLock { $0.countFailure() }
            log.error("scheduled backup of control.db failed", metadata: ["reason": "\(error.message)"])
        }
    }

    private func finishRun() {
        let finished = nowMs()
        let run = state.withLock { state -> Run? in
            state.lastRun?.finishedAtMs = finished
            state.lastFinishedAtMs = finished
            return state.lastRun
        }
        guard let run, run.succeeded + run.failed > 0 else { return }
        log.log(
            level: run.failed > 0 ? .error : .info, "scheduled backups done",
            metadata: [
                "succeeded": "\(run.succeeded)", "failed": "\(run.failed)",
                "duration_ms": "\(finished - run.startedAtMs)",
            ])
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}

extension JSONValue {
    /// A moment in milliseconds since 1970, or null.
    fileprivate static func time(_ ms: Int64?) -> JSONValue { ms.map { .number(JSONNumber($0)) } ?? .null }
}
