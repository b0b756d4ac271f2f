import GatewayTestSupport
import Glibc
import Profiles
import Testing

@testable import Tenants

/// Disks that are full or broken: a clear error, the old state visible, memory and file the same, and recovery.
struct FaultTests {
    @Test func `a full disk refuses the write, keeps the old state, and recovers`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        do {
            let fault = DiskFault(.write, under: tenants.path(), error: ENOSPC)
            await #expect(throws: RegistryError.diskFull(tenants.path())) {
                try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
            }
            #expect(try tenant.displayName("default") == "")
            fault.end()
        }
        let entry = try await tenant.patch("default", #"{"display_name":"y","expected_version":1}"#, tenants.context)
        #expect(entry.version == 2)
        #expect(await tenants.shell("PRAGMA integrity_check; SELECT count(*) FROM profile_history") == "ok\n4")
        await tenants.directory.close()
    }

    @Test func `a failed fsync leaves the outcome open, and the next read is what the file says`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"warm"}"#, tenants.context)
        do {
            let fault = DiskFault(.sync, under: tenants.path() + "-wal", error: EIO)
            do {
                try await tenant.patch("default", #"{"display_name":"maybe"}"#, tenants.context)
                Issue.record("the write was acknowledged")
            } catch let error as RegistryError {
                guard case .commitOutcomeUnknown = error else {
                    Issue.record("unexpected: \(error)")
                    return
                }
            }
            fault.end()
        }
        let memory = try tenant.displayName("default")
        let file = await tenants.shell(
            "SELECT coalesce(json_extract(document_json, '$.display_name'), '') FROM profiles WHERE slug = 'default'")
        #expect(memory == file)
        try await tenant.patch("default", #"{"display_name":"sure"}"#, tenants.context)
        #expect(try tenant.displayName("default") == "sure")
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test func `a new epoch that could not be written is still owed`() async throws {
        let scratch = try ScratchDirectory()
        let before: UInt64
        do {
            let tenants = try TestTenants(in: scratch)
            before = try await tenants.tenant().current().epoch
            await tenants.directory.close()
        }
        let tenants = try TestTenants(in: scratch)
        // As after a restore by hand; and nobody can write while it is opened.
        await Shell.run("touch '\(tenants.path())'")
        let shell = try LockingConnection(tenants.path())
        let tenant = try await tenants.tenant()
        #expect(try tenant.current().epoch != before)
        do {
            let fault = DiskFault(.write, under: tenants.path() + "-wal", error: ENOSPC)
            try shell.release()
            await #expect(throws: RegistryError.diskFull(tenants.path())) {
                try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
            }
            fault.end()
        }
        try await tenant.patch("default", #"{"display_name":"y"}"#, tenants.context)
        let epoch = try tenant.current().epoch
        #expect(epoch != before)
        #expect(
            await tenants.shell("SELECT value FROM gateway_meta WHERE key = 'epoch'") == "\(Int64(bitPattern: epoch))")
        await tenants.directory.close()
    }

    @Test func `a change of others just before a write that fails is not overlooked`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"ours"}"#, tenants.context)
        await tenants.shell(
            "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'theirs') "
                + "WHERE slug = 'agent'")
        do {
            let fault = DiskFault(.write, under: tenants.path() + "-wal", error: ENOSPC)
            await #expect(throws: RegistryError.diskFull(tenants.path())) {
                try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
            }
            fault.end()
        }
        await #expect(throws: RegistryError.versionConflict(.profile, "agent", expected: 2, actual: 3)) {
            try await tenant.patch("agent", #"{"display_name":"over it","expected_version":2}"#, tenants.context)
        }
        #expect(try tenant.displayName("agent") == "theirs")
        await tenants.directory.close()
    }

    @Test(arguments: [0, 1, 2, 3, 5, 8])
    func `a change that could not be read is served once the disk can be read again, without a restart`(
        skip: Int
    ) async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"ours"}"#, tenants.context)
        do {
            let fault = DiskFault(.read, under: tenants.path(), error: EIO, skip: skip)
            await tenants.shell(
                "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'theirs') "
                    + "WHERE slug = 'agent'")
            // It is looked for once a second at least; what a look meets is an error or looks like damage.
            #expect(await eventually { fault.failed > 0 })
            fault.end()
        }
        #expect(await eventually { (try? tenant.displayName("agent")) == "theirs" })
        await tenants.directory.close()
    }

    @Test func `a full disk is not made fuller by tries to open a file`() async throws {
        for scenario in [FaultScenario.takeover, FaultScenario.crashInCheckpoint] {
            let run = try await scenario.prepare()
            let directory = FileSystem.parentDirectory(run.tenants.path())
            // SQLite makes its own side files beside the live file.
            func names() throws -> [String] {
                try FileSystem.names(in: directory).filter { !["profiles.db-wal", "profiles.db-shm"].contains($0) }
            }
            let before = try names()
            do {
                let fault = DiskFault(.write, under: directory, error: ENOSPC)
                for _ in 0..<5 { await run.open() }
                fault.end()
            }
            #expect(try names().sorted() == before.sorted(), "\(scenario.testDescription)")
            #expect(run.violations == [])
        }
    }

    @Test func `a disk that fails while a tenant is opened is an error of that request, not of the tenant`()
        async throws
    {
        let tenants = try TestTenants()
        do {
            let fault = DiskFault(.write, under: tenants.path(), error: ENOSPC)
            await #expect(throws: RegistryError.diskFull(tenants.path())) { try await tenants.tenant() }
            fault.end()
        }
        let tenant = try await tenants.tenant()
        #expect(try tenant.current().usableRegistry(.default).count == 2)
        await tenants.directory.close()
    }
}
