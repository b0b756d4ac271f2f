import GatewayTestSupport
import Glibc
import JSON
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

    @Test func `a time that comes while a run is busy is made up for, for those whose backup is older`() async throws {
        let scratch = try ScratchDirectory()
        var plan = GatewayConfiguration.BackupConfiguration()
        plan.schedule = try CronSchedule(parsing: "0 0 1 1 *")
        plan.jitter = .zero
        let due = try #require(plan.schedule?.next(afterMs: 1_790_000_000_000))
        let clock = SetClock(due - 1000)
        let names = [TenantSlug(normalised: "one"), TenantSlug(normalised: "two")]
        let owner = OwnershipLock.Owner(pid: getpid())
        let tenants = try TenantDirectory(
            configuration: TenantDirectory.Configuration(
                data: try DataDirectory(creating: scratch.path + "/data", owner: owner), configured: Set(names)),
            environment: TenantEnvironment(nowMs: { clock.nowMs }, random: { .random(in: 1...9) }, log: { _ in }),
            owner: owner)
        let service = try BackupService(tenants)
        let scheduler = BackupScheduler(
            plan, tenants: tenants, backups: service, nowMs: { clock.nowMs },
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

        let isHeld = Atomic<Int>(0)
        let held = Task {
            try await service.inTurn(names[1]) { () async throws(RegistryError) in
                isHeld.store(1, ordering: .relaxed)
                while isHeld.load(ordering: .relaxed) == 1 { try? await Task.sleep(for: .milliseconds(1)) }
            }
        }
        #expect(await eventually { isHeld.load(ordering: .relaxed) == 1 })
        scheduler.start()
        #expect(await eventually { scheduler.figures.succeeded == 1 })
        clock.set(due + 5000)
        isHeld.store(2, ordering: .relaxed)
        try await held.value
        #expect(
            await eventually {
                scheduler.figures.succeeded == 3
                    && scheduler.document()["next_run_at_ms"]?.numberValue?.int64 ?? 0 > due
            })
        #expect(try await service.list(names[0]).count == 2)
        #expect(try await service.list(names[1]).count == 1, "made after it was due")
        #expect(scheduler.document()["last_run"]?["succeeded"]?.numberValue?.int64 == 1)
        await scheduler.stop()
        await service.stop()
        await tenants.close()
    }

    private func eventually(_ condition: () -> Bool) async -> Bool {
        let end = ContinuousClock.now + Patience.limit
        while !condition(), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
        return condition()
    }
}

/// A wall clock that stands where it was set.
private final class SetClock: Sendable {
    private let value: Atomic<Int64>

    init(_ ms: Int64) { value = Atomic(ms) }

    var nowMs: Int64 { value.load(ordering: .relaxed) }

    func set(_ ms: Int64) { value.store(ms, ordering: .relaxed) }
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
