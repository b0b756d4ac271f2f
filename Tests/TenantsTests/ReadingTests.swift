import GatewayTestSupport
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// Reading the file beside the writer: what the history's questions do to the file, to writes and to each other.
struct ReadingTests {
    @Test func `a question opens an idle file and leaves it as it was`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        func isClosed() -> Bool { FileStatus(tenants.path() + "-shm") == nil }
        #expect(await eventually { isClosed() })
        let before = (FileIdentity.of(tenants.path()), FileIdentity.of(tenants.path() + ".state"))
        let snapshot = try tenant.current()
        let page = try await tenant.versions(of: named("agent"), in: .default, limit: 10)
        #expect(page.entries.map(\.version) == [2, 1])
        #expect(tenant.work.withLock { !$0.isDirty })
        #expect(await eventually { isClosed() && FileStatus(tenants.path() + "-wal") == nil })
        #expect(FileIdentity.of(tenants.path()) == before.0)
        #expect(FileIdentity.of(tenants.path() + ".state") == before.1)
        #expect(try tenant.current().revision == snapshot.revision)
        #expect(await eventually { tenant.isQuiet })
        await tenants.directory.close()
    }

    @Test func `a write is made while a question is being answered`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let gate = Gate()
        let reading = Task { try await tenant.read { (_) throws(SQLiteError) in gate.wait() } }
        try await tenant.patch("agent", #"{"display_name":"meanwhile"}"#, tenants.context)
        #expect(try tenant.displayName("agent") == "meanwhile")
        gate.open()
        try await reading.value
        await tenants.directory.close()
    }

    @Test func `questions wait for each other, and beyond the bound are refused`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let gate = Gate()
        let first = Task { try await tenant.read { (_) throws(SQLiteError) in gate.wait() } }
        #expect(await eventually { tenant.work.withLock { $0.isReading && $0.reads.isEmpty } })
        let waiting = (0..<Tenant.maximumWaitingReads).map { _ in
            Task { try await tenant.version(1, of: named("agent"), in: .default).version }
        }
        #expect(await eventually { tenant.work.withLock { $0.reads.count == Tenant.maximumWaitingReads } })
        await #expect(throws: RegistryError.readsBusy(retryAfter: 1)) {
            try await tenant.version(1, of: named("agent"), in: .default)
        }
        gate.open()
        try await first.value
        for task in waiting { #expect(try await task.value == 1) }
        await tenants.directory.close()
    }

    @Test func `closing waits for the answer under way; later questions are told`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let gate = Gate()
        let reading = Task { try await tenant.read { (_) throws(SQLiteError) in gate.wait() } }
        #expect(await eventually { tenant.work.withLock { $0.isReading && $0.reads.isEmpty } })
        let closing = Task { await tenants.directory.close() }
        try await Task.sleep(for: .milliseconds(50))
        gate.open()
        try await reading.value
        await closing.value
        #expect(FileStatus(tenants.path() + "-wal") == nil && FileStatus(tenants.path() + "-shm") == nil)
        await #expect(throws: RegistryError.closed) {
            try await tenant.version(1, of: named("agent"), in: .default)
        }
    }

    @Test func `a file moved over the open one is the one that answers`() async throws {
        let tenants = try TestTenants(configured: ["default", "other"])
        let tenant = try await tenants.tenant()
        let other = try await tenants.tenant("other")
        try await other.patch("agent", #"{"display_name":"of the other"}"#, tenants.context)
        await tenants.shell("VACUUM INTO '\(tenants.scratch.path)/copy.db'", "other")
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        try await tenant.patch("agent", #"{"display_name":"b"}"#, tenants.context)
        _ = try await tenant.version(3, of: named("agent"), in: .default)
        await Shell.run(
            "chmod 600 '\(tenants.scratch.path)/copy.db'; mv '\(tenants.scratch.path)/copy.db' '\(tenants.path())'")
        let page = try await tenant.versions(of: named("agent"), in: .default, limit: 10)
        #expect(page.entries.map(\.version) == [2, 1])
        #expect(try page.entries.first?.decodeProfile()?.displayName == "of the other")
        #expect(page.epoch == (try tenant.current().epoch))
        await tenants.directory.close()
    }

    @Test func `a file overwritten in place is not opened anew while a question still has it open`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"before"}"#, tenants.context)
        #expect(await eventually { FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 == 0 })
        await Shell.run("cp '\(tenants.path())' '\(tenants.path()).good'")
        try await tenant.create(#"{"slug":"after"}"#, tenants.context)
        let gate = Gate()
        let hasBegun = Mutex(false)
        let asked = Task {
            try await tenant.read { (connection) throws(SQLiteError) in
                _ = try connection.integer("SELECT count(*) FROM profiles")
                hasBegun.withLock { $0 = true }
                gate.wait()
                return 1
            }
        }
        // A question that has not begun yet is put to the file that is there when it does.
        #expect(await eventually { hasBegun.withLock { $0 } })
        await Shell.run("cp '\(tenants.path()).good' '\(tenants.path())'")
        // Noticed, and waited with: SQLite shares one index of the log among all connections of a file.
        #expect(await eventually { tenants.events.messages.contains("registry file overwritten in place") })
        try await Task.sleep(for: .milliseconds(300))
        #expect(!tenants.events.messages.contains("side file moved aside"))
        #expect(tenant.snapshot.registry(.default)?.profile(named("after")) != nil)
        gate.open()
        _ = try? await asked.value
        #expect(await eventually { tenant.snapshot.registry(.default)?.profile(named("after")) == nil })
        try await tenant.create(#"{"slug":"goes-on"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        #expect(
            await tenants.shell("SELECT group_concat(slug) FROM (SELECT slug FROM profiles ORDER BY slug)")
                == "agent,before,default,goes-on")
        await tenants.directory.close()
    }

    @Test func `a quarantined tenant says why, and answers again when its file is back`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        await tenants.shell("VACUUM INTO '\(tenants.scratch.path)/copy.db'")
        await Shell.run(
            "cd '\(tenants.data.path)/tenants/default' && rm -f profiles.db*; echo nonsense > profiles.db; chmod 600 profiles.db"
        )
        let error = await #expect(throws: RegistryError.self) {
            try await tenant.version(1, of: named("agent"), in: .default)
        }
        guard case .quarantined = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        await Shell.run("cp '\(tenants.scratch.path)/copy.db' '\(tenants.path())'; rm -f '\(tenants.path()).state'")
        #expect(await eventually { tenant.state == .serving })
        #expect(try await tenant.version(2, of: named("agent"), in: .default).version == 2)
        await tenants.directory.close()
    }

    @Test(arguments: [false, true])
    func `a closed file that was emptied is never opened as a new one`(writes: Bool) async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        #expect(await tenant.closeFilesNow())
        // Before the sweep comes by.
        await Shell.run(": > '\(tenants.path())'")
        let error = await #expect(throws: RegistryError.self) {
            if writes {
                try await tenant.patch("agent", #"{"display_name":"b"}"#, tenants.context)
            } else {
                _ = try await tenant.version(1, of: named("agent"), in: .default)
            }
        }
        guard case .quarantined(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("is empty but held data before"))
        #expect(FileIdentity.of(tenants.path())?.size == 0)
        await tenants.directory.close()
    }

    @Test func `another program's lock makes questions wait, then answers busy`() async throws {
        let scratch = try ScratchDirectory()
        let slug = try #require(TenantSlug("default"))
        var options = ConnectionOptions()
        options.journalMode = .delete
        options.busyTimeout = .milliseconds(400)
        let place = RegistryFile(path: scratch.path + "/away/profiles.db")
        let tenants = try TestTenants(in: scratch) { [options] in $0.elsewhere = [slug: (place, options)] }
        let tenant = try await tenants.tenant()
        let lock = try LockingConnection(place.path, lock: "EXCLUSIVE")
        await #expect(throws: RegistryError.busy(retryAfter: 1)) {
            try await tenant.version(1, of: named("agent"), in: .default)
        }
        let waiting = Task { try await tenant.version(1, of: named("agent"), in: .default).version }
        try await Task.sleep(for: .milliseconds(100))
        try lock.release()
        #expect(try await waiting.value == 1)
        await tenants.directory.close()
    }

    @Test func `a file opened exclusively is asked through its one connection`() async throws {
        let scratch = try ScratchDirectory()
        let slug = try #require(TenantSlug("default"))
        var options = ConnectionOptions()
        options.lockingMode = .exclusive
        let place = RegistryFile(path: scratch.path + "/away/profiles.db")
        let tenants = try TestTenants(in: scratch) { [options] in $0.elsewhere = [slug: (place, options)] }
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        let page = try await tenant.versions(of: named("agent"), in: .default, limit: 10)
        #expect(page.entries.map(\.version) == [2, 1])
        await tenants.directory.close()
    }
}
