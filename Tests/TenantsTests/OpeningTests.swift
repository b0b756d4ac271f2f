import GatewayTestSupport
import Profiles
import Testing

@testable import Tenants

struct OpeningTests {
    @Test func `a new tenant has the registry default with two profiles at version 1`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let registry = try tenant.current().usableRegistry(.default)
        #expect(registry.slugs.map(\.rawValue) == ["agent", "default"])
        #expect(registry.profiles.map(\.version) == [1, 1])
        #expect(registry.defaultProfile?.slug == .default)
        await tenants.directory.close()
    }

    @Test func `what was written is there after a restart, and closing leaves no side files`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            let tenant = try await tenants.tenant()
            try await tenant.create(#"{"slug":"analyst","display_name":"Analyst"}"#, tenants.context)
            try await tenant.patch("analyst", #"{"display_name":"Second"}"#, tenants.context)
            #expect(try tenant.displayName("analyst") == "Second")
            await tenants.directory.close()
            #expect(FileStatus(tenants.path()) != nil)
            #expect(FileStatus(tenants.path() + "-wal") == nil)
            #expect(FileStatus(tenants.path() + "-shm") == nil)
        }
        let tenants = try TestTenants(in: scratch)
        let tenant = try await tenants.tenant()
        #expect(try tenant.displayName("analyst") == "Second")
        #expect(try tenant.entry("analyst").version == 2)
        await tenants.directory.close()
    }
}
