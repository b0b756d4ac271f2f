import Dispatch
import GatewayTestSupport
import Glibc
import SQLite
import Testing

@testable import Tenants

/// Long looks at files that somebody wants to end: they end, and say that they were cancelled and nothing else.
///
/// One after the other: each keeps a processor busy until it is told to end.
@Suite(.serialized) struct CancellationTests {
    private static let endless = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
    /// A sound table whose check takes a quarter of an hour: a hundred thousand rows, each with a key that takes 10 ms. It
    /// is indexed by an expression, for which another of the same value is put when the index is there.
    private static let slow = """
        CREATE TABLE slow (a INTEGER);
        WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
            INSERT INTO slow SELECT 1000000 FROM n;
        CREATE INDEX slow_a ON slow (a * 0);
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = 'CREATE INDEX slow_a ON slow
            (instr(replace(hex(zeroblob(a)), ''0'', ''x''), ''y''))' WHERE name = 'slow_a';
        """

    private func opened(_ scratch: ScratchDirectory) throws -> Connection {
        try Connection(path: scratch.file("a.db"), options: ConnectionOptions())
    }

    @Test(arguments: [false, true])
    func `cancelling ends a statement that would never end`(byParent: Bool) throws {
        let scratch = try ScratchDirectory()
        let connection = try opened(scratch)
        defer { connection.close() }
        let parent = Cancellation()
        let cancellation = Cancellation(under: Cancellation(), parent)
        #expect(throws: RegistryError.cancelled("counting")) {
            try cancellation.interrupting(connection, "counting") {
                TestThread.start {
                    usleep(20_000)
                    (byParent ? parent : cancellation).cancel()
                }
                _ = try connection.integer(Self.endless)
            }
        }
        #expect(cancellation.isCancelled && parent.isCancelled == byParent)
        #expect(try connection.integer("SELECT 1") == 1, "the connection itself is as good as before")
    }

    @Test func `what was cancelled before it began does not begin, and what was swallowed is told all the same`() throws
    {
        let scratch = try ScratchDirectory()
        let connection = try opened(scratch)
        defer { connection.close() }
        let cancellation = Cancellation()
        #expect(throws: RegistryError.cancelled("counting")) {
            try cancellation.interrupting(connection, "counting") {
                cancellation.cancel()
                // Between two statements; as a report would make a finding of the error.
                #expect(throws: SQLiteError.self) { try connection.integer(Self.endless) }
            }
        }
        #expect(throws: RegistryError.cancelled("counting")) {
            try cancellation.interrupting(connection, "counting") { Issue.record("it began") }
        }
    }

    @Test func `cancelling beside connections that are closed touches none of them`() throws {
        let scratch = try ScratchDirectory()
        for _ in 0..<300 {
            let cancellation = Cancellation()
            let isDone = DispatchSemaphore(value: 0)
            TestThread.start {
                cancellation.cancel()
                isDone.signal()
            }
            let connection = try opened(scratch)
            do {
                _ = try cancellation.interrupting(connection, "counting") { try connection.integer("SELECT 1") }
            } catch RegistryError.cancelled {
                // As often as not.
            }
            connection.close()
            isDone.wait()
        }
    }

    /// What looks at a whole file, and has to be told to end.
    enum Work: CaseIterable {
        case verify, verifyOfQuarantined, verifyOfBackup, backup, restore, dryRun
    }

    @Test(arguments: Work.allCases, [false, true])
    func `a check that would take long ends when it is told to, and nothing is called damaged`(
        work: Work, byStopping: Bool
    ) async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let name = try await prepare(work, tenants, tenant)
        let isServing = work != .verifyOfQuarantined
        let before = await listing(tenants)
        let running = Task {
            switch work {
            case .verify, .verifyOfQuarantined, .verifyOfBackup: _ = try await tenants.service.verify(.default)
            case .backup: _ = try await tenants.service.backUp(.default)
            case .restore, .dryRun:
                _ = try await tenants.service.restore(
                    .default, from: .name(name), dryRun: work == .dryRun, context: tenants.context)
            }
        }
        // Inside, and past the short copying of a backup; were it not, it would end all the same.
        #expect(await eventually { tenants.service.stopping.isInterrupting })
        try await Task.sleep(for: .milliseconds(200))
        if byStopping { await tenants.service.stop() } else { running.cancel() }
        let error = await #expect(throws: RegistryError.self) { try await running.value }
        guard case .cancelled = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect((tenant.state == .serving) == isServing)
        #expect(await listing(tenants) == before, "nothing was renamed, and nothing is left")
        #expect(tenants.tenants.events.messages.filter { $0.contains("quarantined") }.isEmpty == isServing)
        if isServing { try await tenant.patch("agent", #"{"display_name":"after"}"#, tenants.context) }
        await tenants.close()
    }

    /// Makes the file that is looked at long; returns the name of a backup that is.
    private func prepare(_ work: Work, _ tenants: BackupTenants, _ tenant: Tenant) async throws -> String {
        let name = "profiles.db.bak.20260101-000000"
        let backup = tenants.data.path + "/tenants/default/backups/" + name
        switch work {
        case .restore, .dryRun, .verifyOfBackup:
            await Shell.run("mkdir -m 700 -p '\(tenants.data.path)/tenants/default/backups'")
            #expect(await tenants.shell(".backup '\(backup)'") == "")
            #expect(await Shell.run("sqlite3 '\(backup)' \"\(Self.slow)\" && chmod 600 '\(backup)'") == "")
        case .verify, .backup: #expect(await tenants.shell(Self.slow) == "")
        case .verifyOfQuarantined:
            #expect(await tenants.shell(Self.slow + "PRAGMA user_version = 99") == "")
            #expect(await eventually { tenant.state != .serving })
            // The sweep may have had the file open, so that the shell left its log.
            let isMoved = await eventually {
                await tenants.shell("PRAGMA wal_checkpoint(TRUNCATE)") == "0|0|0"
            }
            #expect(isMoved)
        }
        // Taken in and written down, so that the names in the directory stay what they are.
        #expect(await tenant.closeFilesNow())
        return name
    }

    private func listing(_ tenants: BackupTenants) async -> String {
        await Shell.run("cd '\(tenants.data.path)/tenants/default' && find . -type f | grep -vE 'wal$|shm$' | sort")
    }

    @Test func `a file replaced while it is verified is verified anew`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let good = tenants.scratch.path + "/good.db"
        #expect(await tenants.shell(".backup '\(good)'") == "")
        #expect(await tenants.shell(Self.slow) == "")
        let running = Task { try await tenants.service.verify(.default) }
        #expect(await eventually { tenants.service.stopping.isInterrupting })
        await Shell.run("chmod 600 '\(good)' && mv '\(good)' '\(tenants.path())'")
        let report = try await running.value
        #expect(report.isServing)
        let check = try #require(report.checks.first { $0.id == "file.integrity" })
        #expect(check.status == .ok, "\(check)")
        #expect(tenant.state == .serving)
        await tenants.close()
    }
}
