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
