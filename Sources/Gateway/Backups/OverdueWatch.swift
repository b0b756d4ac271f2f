internal import Logging
internal import Profiles
internal import Synchronization
internal import Tenants

/// Looks from time to time whose scheduled backup is missing, and says so in the log: once when one begins to be, and once
/// when it is there again (docs/backup.md).
///
/// A failed backup is told when it fails; this finds the ones that were never tried, or are not where they should be.
final class OverdueWatch: Sendable {
    /// When it looks.
    struct Times: Sendable {
        /// After the start: what was missed while the process was away is being made up for until then.
        var first: Duration
        /// Between two looks; each goes through every tenant's directory of backups.
        var interval: Duration = .seconds(300)
    }

    private let backups: BackupService
    private let times: Times
    private let log: Logger
    private let state = Mutex(State())

    private struct State {
        var task: Task<Void, Never>?
        var tenants: Set<TenantSlug> = []
    }

    /// Named one by one in the log, of those that begin to be overdue at once; of the others only how many.
    private static let namedInLog = 20

    init(_ backups: BackupService, times: Times, log: Logger) {
        self.backups = backups
        self.times = times
        self.log = log
    }

    /// Begins to look. Once.
    func start() {
        state.withLock { state in
            guard state.task == nil else { return }
            state.task = Task.detached { [weak self, times] in
                var pause = times.first
                while (try? await Task.sleep(for: pause)) != nil {
                    guard let self else { return }
                    await look()
                    pause = times.interval
                }
            }
        }
    }

    /// Gives up looking, and waits for its end.
    func stop() async {
        let task = state.withLock { $0.task }
        task?.cancel()
        await task?.value
    }

    /// Whose backup was missing at the last look, in order.
    var tenants: [TenantSlug] { state.withLock { $0.tenants }.sorted() }

    private func look() async {
        let found: [OverdueBackup]
        do throws(RegistryError) { found = try await backups.overdue() } catch {
            switch error {
            case .cancelled, .closed: return
            default: return log.error("backups could not be looked at", metadata: ["reason": "\(error.message)"])
            }
        }
        let now = Set(found.map(\.tenant))
        let before = state.withLock { state in
            defer { state.tenants = now }
            return state.tenants
        }
        tell(found.filter { !before.contains($0.tenant) })
        for tenant in before.subtracting(now).sorted() {
            log.notice("backup is no longer overdue", metadata: ["tenant": "\(tenant)"])
        }
    }

    private func tell(_ begun: [OverdueBackup]) {
        for one in begun.prefix(Self.namedInLog) {
            log.error(
                "scheduled backup is overdue",
                metadata: [
                    "tenant": "\(one.tenant)",
                    "newest": "\(one.newest.map(\.fileName) ?? one.reason ?? "none")",
                ])
        }
        let others = begun.count - Self.namedInLog
        if others > 0 { log.error("scheduled backups are overdue", metadata: ["more_tenants": "\(others)"]) }
    }
}
