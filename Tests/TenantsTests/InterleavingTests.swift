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
}

extension Tenant {
    /// From here on only requests find out what happened to the file.
    fileprivate func keepSweepFromLooking() {
        work.withLock { $0.lastCheck = .max - SweepTimes.checkEvery }
    }
}
