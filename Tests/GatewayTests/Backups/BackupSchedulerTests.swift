import GatewayTestSupport
import Glibc
import Logging
import Profiles
import Synchronization
import Testing

@testable import Gateway
@testable import Tenants

struct BackupSchedulerTests {
    @Test func `a backup that the file's replacement ended again and again has failed`() async throws {
        let scratch = try ScratchDirectory()
        var configuration = GatewayConfiguration()
        configuration.dataDirectory = scratch.path + "/data"
        configuration.backups.schedule = try CronSchedule(parsing: "0 0 1 1 *")
        configuration.backups.jitter = .zero
        let composition = try Composition(configuration, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let slug = try #require(configuration.defaultTenant)
        let tenant = try await composition.tenants.open(slug)

        // Both threads are taken whenever the copies are ended: none has begun, and none is let in meanwhile.
        var taken = try await TakenThreads(composition.backups)
        composition.scheduler.start()
        let end = ContinuousClock.now + Patience.limit
        while composition.scheduler.figures.failed == 0, ContinuousClock.now < end {
            let next = TakenThreads(queuedFor: composition.backups)
            tenant.copies.interrupt()
            taken.letGo()
            try await next.areTaken()
            taken = next
        }
        taken.letGo()
        #expect(composition.scheduler.figures.failing == [slug])
        #expect(composition.scheduler.figures.succeeded == 0)
        await composition.close()
    }
}

/// The threads for backups, kept from working.
private final class TakenThreads: Sendable {
    private let mayGo = Atomic<Bool>(false)
    private let count = Atomic<Int>(0)

    /// Queues for them at once, behind what was queued before.
    init(queuedFor backups: BackupService) {
        for _ in 0..<2 {
            Task.immediate {
                try await backups.blocking { [self] () throws(RegistryError) in
                    count.add(1, ordering: .relaxed)
                    while !mayGo.load(ordering: .relaxed) { usleep(1_000) }
                }
            }
        }
    }

    convenience init(_ backups: BackupService) async throws {
        self.init(queuedFor: backups)
        try await areTaken()
    }

    func areTaken() async throws {
        while count.load(ordering: .relaxed) < 2 { try await Task.sleep(for: .milliseconds(1)) }
    }

    func letGo() { mayGo.store(true, ordering: .relaxed) }
}
