import GatewayTestSupport
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// Orders of events that are rare on an idle machine: each is brought about here, not waited for.
struct InterleavingTests {
    @Test func `a file of no use that a backup is the first to see quarantines its tenant`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"before"}"#, tenants.context)
        tenant.keepSweepFromLooking()
        let newer = tenants.scratch.path + "/newer.db"
        await Shell.run(
            "sqlite3 '\(tenants.path())' \"VACUUM INTO '\(newer)'\" && sqlite3 '\(newer)' "
                + "'PRAGMA application_id = 1346852657; PRAGMA user_version = 999' && chmod 600 '\(newer)' "
                + "&& mv '\(newer)' '\(tenants.path())'")
        await #expect(throws: RegistryError.newerSchema(path: tenants.path(), found: 999, known: 1)) {
            try await tenants.service.backUp(.default)
        }
        await #expect(throws: RegistryError.newerSchema(path: tenants.path(), found: 999, known: 1)) {
            try await tenant.patch("agent", #"{"display_name":"after"}"#, tenants.context)
        }
        #expect(
            await Shell.run(
                "sqlite3 '\(tenants.path())' \"SELECT max(version) FROM profile_history WHERE profile_slug = 'agent'\"")
                == "2")
        #expect(throws: RegistryError.newerSchema(path: tenants.path(), found: 999, known: 1)) { try tenant.current() }
        await tenants.close()
    }

    @Test func `a copy is let in although writes never cease`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let ceases = Atomic<Bool>(false)
        tenant.enqueue(EndlessWrite(tenant: tenant, context: tenants.context) { ceases.load(ordering: .relaxed) })
        let isIn = Atomic<Bool>(false)
        let copy = Task {
            let pass = try await tenant.beginCopy()
            isIn.store(true, ordering: .relaxed)
            tenant.endCopy(pass)
        }
        #expect(await eventually { isIn.load(ordering: .relaxed) })
        ceases.store(true, ordering: .relaxed)
        try await copy.value
        await tenants.directory.close()
    }

    @Test func `the sweep's look is made although writes never cease`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let ceases = Atomic<Bool>(false)
        tenant.enqueue(EndlessWrite(tenant: tenant, context: tenants.context) { ceases.load(ordering: .relaxed) })
        let before = ConditionLock.now()
        #expect(await eventually { tenant.work.withLock { $0.lastCheck } > before })
        ceases.store(true, ordering: .relaxed)
        await tenants.directory.close()
    }

    @Test func `a write on a locked file is told in its time, also while questions wait for the lock`() async throws {
        let tenants = try TestTenants()
        var options = ConnectionOptions()
        options.journalMode = .delete
        let file = RegistryFile(path: tenants.scratch.path + "/elsewhere.db", isElsewhere: true)
        let tenant = Tenant(
            slug: .default, file: file, options: options, services: tenants.directory.services, onActivity: { _ in })
        try await tenant.load()
        #expect(await tenant.closeFilesNow())
        let other = try Connection(path: file.path, options: options)
        try other.begin(.exclusive)
        let question = WaitingQuestion()
        tenant.work.withLock { $0.reads.append(question) }
        let isTold = Atomic<Bool>(false)
        let write = Task {
            await #expect(throws: RegistryError.busy(retryAfter: 1)) {
                try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context(waiting: .milliseconds(100)))
            }
            isTold.store(true, ordering: .relaxed)
        }
        #expect(await eventually { isTold.load(ordering: .relaxed) })
        #expect(question.outcome == nil)
        try other.rollback()
        other.close()
        await write.value
        #expect(await eventually { question.outcome == true })
        await tenant.shutDown()
        await tenants.directory.close()
    }

    @Test func `a write to a file opened to be read leaves the copy beside it alone`() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/elsewhere.db"
        let before = try TestTenants(in: scratch) {
            $0.elsewhere[.default] = (RegistryFile(path: path), ConnectionOptions())
        }
        _ = try await before.tenant()
        await before.directory.close()
        let tenants = try TestTenants(in: scratch) {
            var options = ConnectionOptions()
            options.queryOnly = true
            $0.elsewhere[.default] = (RegistryFile(path: path), options)
        }
        let tenant = try await tenants.tenant()
        let pass = try await tenant.beginCopy()
        await #expect(throws: RegistryError.readOnly(path, "it was opened read-only")) {
            try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        }
        #expect(!pass.isInterrupted)
        tenant.endCopy(pass)
        await tenants.directory.close()
    }

    @Test func `a tenant asked for just when the directory closes says so`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await tenants.directory.close()
        let error = Mutex<RegistryError?>(nil)
        // What `open` does when it looked whether the directory is closed just before it was.
        Task {
            do throws(RegistryError) { try await tenant.load(looksAgain: true) } catch let failure {
                error.withLock { $0 = failure }
            }
        }
        #expect(await eventually { error.withLock { $0 } == .closed })
    }

    @Test func `a file that was to be looked at when its tenant is shut down stays closed`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        tenant.work.withLock { $0.wantsRefresh = true }
        await tenants.directory.close()
        #expect(tenant.state == .closed)
        #expect(tenant.store.withLock { !$0.connections.isOpen })
    }

    @Test func `who looks for the owner of a directory does not keep another from becoming it`() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/lock"
        try OwnershipLock(path: path, owner: TestTenants.owner).release()
        let isOver = Atomic<Bool>(false)
        let seen = Mutex<[OwnershipLock.Holder]>([])
        await withCheckedContinuation { continuation in
            let left = Atomic<Int>(2)
            for _ in 0..<2 {
                TestThread.start {
                    while !isOver.load(ordering: .relaxed) {
                        if let holder = try? OwnershipLock.holder(of: path), holder != .nobody {
                            seen.withLock { $0.append(holder) }
                        }
                    }
                    if left.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { continuation.resume() }
                }
            }
            for _ in 0..<3_000 {
                do throws(RegistryError) {
                    try OwnershipLock(path: path, owner: TestTenants.owner).release()
                } catch {
                    Issue.record("\(error)")
                    break
                }
            }
            isOver.store(true, ordering: .relaxed)
        }
    }

    @Test func `a tenant's directory made in the moment after the listing is seen`() async throws {
        let scratch = try ScratchDirectory()
        // Within one step of a coarse clock a directory changes without its time showing it, as here: looked at is the link.
        await Shell.run("mkdir -p '\(scratch.path)/real/one' && ln -s real '\(scratch.path)/tenants'")
        let made = try #require(FileIdentity.of(scratch.path + "/tenants")).changedNs / 1_000_000
        var known = KnownTenants(directory: scratch.path + "/tenants", nowMs: { made })
        try known.read()
        await Shell.run("mkdir '\(scratch.path)/real/two'")
        try known.readIfChanged()
        #expect(known.slugs == [TenantSlug(normalised: "one"), TenantSlug(normalised: "two")])
    }

    @Test func `work that is done is let go while other work waits`() async throws {
        let pool = try BlockingPool(threads: 1)
        let gates = (0..<2).map { _ in Gate() }
        pool.submit { gates[0].wait() }
        weak var done: Marker?
        do {
            let marker = Marker()
            done = marker
            for _ in 0..<200 { pool.submit { _ = marker } }
        }
        pool.submit { gates[1].wait() }
        for _ in 0..<10 { pool.submit {} }
        gates[0].open()
        #expect(await eventually { done == nil })
        gates[1].open()
        await PlainThread.run(name: "stop") { pool.stop() }
    }
}

private final class Marker: Sendable {}

/// Changes nothing, and asks to be made again while it is: the queue is never empty.
private struct EndlessWrite: PendingWrite {
    let tenant: Tenant
    let context: ChangeContext
    let isOver: @Sendable () -> Bool

    var deadline: ContinuousClock.Instant { .now + Patience.limit }

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        if !isOver() { tenant.enqueue(self) }
    }

    func succeed() {}
    func fail(_ error: RegistryError) {}
}

/// A question that waits as long as it takes.
private final class WaitingQuestion: PendingRead {
    let deadline = ContinuousClock.now + .seconds(86_400)
    private let state = Mutex<Bool?>(nil)

    var outcome: Bool? { state.withLock { $0 } }

    func run(on connection: Connection) throws(SQLiteError) { _ = try connection.userVersion() }
    func succeed() { state.withLock { $0 = true } }
    func fail(_ error: RegistryError) { state.withLock { $0 = false } }
}

extension Tenant {
    /// From here on only requests find out what happened to the file.
    fileprivate func keepSweepFromLooking() {
        work.withLock { $0.lastCheck = .max - SweepTimes.checkEvery }
    }
}
