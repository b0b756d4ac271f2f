import GatewayTestSupport
import Logging
import Profiles
import Synchronization
import Tenants
import Testing

@testable import Gateway

struct OverdueWatchTests {
    @Test func `a missing backup is told once, and once more when it is there again`() async throws {
        let scratch = try ScratchDirectory()
        let lines = RecordedLines()
        let log = Logger(label: "test") { _ in RecordingHandler(lines: lines) }
        var configuration = GatewayConfiguration()
        configuration.dataDirectory = scratch.path + "/data"
        configuration.backups.schedule = try CronSchedule(parsing: "* * * * *")
        configuration.backups.jitter = .zero
        let composition = try Composition(configuration, log: log)
        let slug = try #require(configuration.defaultTenant)
        _ = try await composition.tenants.open(slug)

        let times = OverdueWatch.Times(first: .milliseconds(1), interval: .milliseconds(10))
        let watch = OverdueWatch(composition.backups, times: times, log: log)
        #expect(watch.tenants == [])
        watch.start()
        try await waitUntil { watch.tenants == [slug] }
        _ = try await composition.backups.backUp(slug)
        try await waitUntil { watch.tenants == [] }
        await watch.stop()
        #expect(
            lines.all.filter { $0.contains("overdue") } == [
                "error scheduled backup is overdue newest=none tenant=\(slug)",
                "notice backup is no longer overdue tenant=\(slug)",
            ])
        await composition.close()
    }

    @Test func `what was missed before the start has its time before it is missed`() {
        var plan = GatewayConfiguration.BackupConfiguration()
        plan.jitter = .seconds(60)
        #expect(BackupScheduler.overdueTimes(plan).first == .seconds(660))
    }

    private func waitUntil(_ condition: () -> Bool) async throws {
        for _ in 0..<3_000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it did not come")
    }
}

private final class RecordedLines: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

private struct RecordingHandler: LogHandler {
    let lines: RecordedLines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(lines: RecordedLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        lines.add("\(event.level) \(event.message)\(fields)")
    }
}
