import GatewayTestSupport
import Profiles
import SQLite
import Testing

@testable import Tenants

/// A file that held a registry and does not any more is asked for, never made anew in silence.
struct LostRegistryTests {
    private static let modes: [ConnectionOptions.JournalMode] = [.wal, .delete]
    private static let losses = [
        ("rm F F.state; : > F", "is empty"), (": > F", "is empty"), ("rm -f F", "is missing"),
        ("rm F; sqlite3 F 'CREATE TABLE t (a)'", "holds no registries"),
        ("rm F; sqlite3 F VACUUM", "holds no registries"),
        (
            "sqlite3 F 'PRAGMA journal_mode = delete; DROP TABLE profile_registries; DROP TABLE profile_history'",
            "holds no registries"
        ),
    ]

    @Test(arguments: modes, losses)
    func `a file that lost its registry while nothing ran is set aside, not filled anew`(
        mode: ConnectionOptions.JournalMode, loss: (line: String, finding: String)
    ) async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/p.db"
        do {
            let tenants = try makeTenants(scratch, mode)
            let tenant = try await tenants.tenant()
            try await tenant.create(#"{"slug":"precious"}"#, tenants.context)
            await Shell.run("cp '\(path)' '\(path).bak.20260223-220000'")
            await tenants.directory.close()
        }
        await Shell.run("cd '\(scratch.path)'; " + loss.line.replacing("F", with: "p.db") + "; chmod 600 p.db")
        let before = await Shell.run("sha256sum < '\(path)'")
        let tenants = try makeTenants(scratch, mode)
        let tenant = try await tenants.tenant()
        try expectLost(tenant, loss.finding)
        if loss.finding != "holds no registries" { #expect(await Shell.run("sha256sum < '\(path)'") == before) }
        #expect(await Shell.run("sqlite3 '\(path)' .tables | grep -c profile_registries") == "0")
        await tenants.directory.close()
    }

    @Test(arguments: modes, [": > F", "sqlite3 F.new 'CREATE TABLE t (a)'; chmod 600 F.new; mv F.new F"])
    func `a file that loses its registry while it is served is set aside, with nothing else to tell`(
        mode: ConnectionOptions.JournalMode, line: String
    ) async throws {
        let scratch = try ScratchDirectory()
        let tenants = try makeTenants(scratch, mode)
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"precious"}"#, tenants.context)
        #expect(await tenant.closeFilesNow())
        await Shell.run("cd '\(scratch.path)'; cp p.db good; rm -f p.db.state; " + line.replacing("F", with: "p.db"))
        #expect(await eventually { tenant.state != .serving })
        try expectLost(tenant, line.hasPrefix(":") ? "is empty" : "holds no registries")
        await Shell.run("cd '\(scratch.path)'; chmod 600 good; mv good p.db")
        #expect(await eventually { tenant.state == .serving })
        #expect(try tenant.entry("precious").version == 1)
        await tenants.directory.close()
    }

    @Test func `backups in the configured place tell as well`() async throws {
        let scratch = try ScratchDirectory()
        await Shell.run("cd '\(scratch.path)'; mkdir -p -m 700 far/default; touch far/default/p.db.bak.20260223-220000")
        let tenants = try makeTenants(scratch, .wal) { $0.backupDirectory = scratch.path + "/far" }
        let tenant = try await tenants.tenant()
        guard case .quarantined(let error) = tenant.state else {
            Issue.record("it was made anew")
            return
        }
        #expect(error.message.contains("is missing but there are backups of it, such as \(scratch.path)/far/default/p"))
        #expect(FileStatus(scratch.path + "/p.db") == nil)
        await tenants.directory.close()
    }

    @Test(arguments: modes, [":", "touch p.db", "sqlite3 p.db 'CREATE TABLE t (a)'", "sqlite3 p.db VACUUM"])
    func `where nothing speaks of earlier data a registry is begun`(
        mode: ConnectionOptions.JournalMode, line: String
    ) async throws {
        let scratch = try ScratchDirectory()
        await Shell.run("cd '\(scratch.path)'; \(line); chmod 600 p.db")
        let tenants = try makeTenants(scratch, mode)
        let tenant = try await tenants.tenant()
        #expect(try tenant.current().usableRegistry(.default).count == 2)
        await tenants.directory.close()
    }

    private func expectLost(_ tenant: Tenant, _ finding: String) throws {
        guard case .quarantined(let error) = tenant.state else {
            Issue.record("the tenant is \(tenant.state)")
            return
        }
        #expect(error.message.contains("p.db \(finding) but"), "\(error.message)")
        #expect(throws: error) { try tenant.current() }
    }

    private func makeTenants(
        _ scratch: ScratchDirectory, _ mode: ConnectionOptions.JournalMode,
        adjust: (inout TenantDirectory.Configuration) -> Void = { _ in }
    ) throws -> TestTenants {
        let slug = try #require(TenantSlug("default"))
        return try TestTenants(in: scratch) { configuration in
            var options = ConnectionOptions()
            options.journalMode = mode
            configuration.elsewhere = [slug: (RegistryFile(path: scratch.path + "/p.db"), options)]
            adjust(&configuration)
        }
    }
}
