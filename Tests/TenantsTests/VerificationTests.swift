import GatewayTestSupport
import Glibc
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// What `verify` finds, each kind of defect by itself; and that it changes nothing.
struct VerificationTests {
    private static let all = [
        "state", "file.integrity", "file.foreign_keys", "file.schema", "documents", "slugs", "credentials", "default",
        "stacks", "history", "view", "file.free_pages", "files.modes", "files.owner", "file.log", "files.kept",
        "backups.age", "backups.newest",
    ]

    @Test func `a tenant that is well passes every check, and is as it was afterwards`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"leaf","stack":[{"profile_slug":"default"}]}"#, tenants.context)
        try await tenant.patch("leaf", #"{"display_name":"x"}"#, tenants.context)
        _ = try await tenants.service.backUp(.default)
        let before = tenant.snapshot.etag
        let report = try await tenants.service.verify(.default)
        #expect(report.checks.map(\.id) == Self.all)
        #expect(report.checks.filter { $0.status != .ok } == [])
        #expect(report.checks.allSatisfy { $0.advice == nil })
        #expect(tenant.snapshot.etag == before)
        await tenants.close()
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -cE 'wal|shm'") == "0")
    }

    @Test(arguments: [
        ("UPDATE profiles SET document_json = '{' WHERE slug = 'agent'", "documents", "failed", "row default/agent"),
        (
            "UPDATE profiles SET document_json = replace(document_json, 'agent', 'other') WHERE slug = 'agent'",
            "slugs",
            "failed", "slug mismatch"
        ),
        ("UPDATE profile_registries SET payload_json = '[' ", "documents", "failed", "payload_json"),
        (
            """
            UPDATE profiles SET revision = 999, document_json = json_set(document_json, '$.runtime.step_settings_patch',
                json('{\\"openai-chat\\":{\\"openai-api-key\\":\\"sk-1\\"}}')) WHERE slug = 'agent'
            """, "credentials", "warning", "default/agent"
        ),
        (
            """
            UPDATE profiles SET revision = 999, document_json = json_set(document_json, '$.stack',
                json('[{\\"profile_slug\\":\\"gone\\"}]')) WHERE slug = 'agent'
            """, "stacks", "failed", "not found"
        ),
        ("DELETE FROM profile_history WHERE profile_slug = 'agent'", "history", "warning", "default/agent version 1"),
        ("UPDATE profile_history SET document_json = 'x' WHERE profile_slug = ''", "history", "failed", "is no JSON"),
        ("UPDATE gateway_meta SET value = 0 WHERE key = 'revision'", "history", "warning", "revision"),
        (
            "INSERT INTO profiles (registry_slug, slug, document_json, revision) VALUES ('lost', 'x', '{}', 5)", "view",
            "warning", "lost/x"
        ),
        (
            "INSERT INTO gateway_meta VALUES ('x', 1); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
                + "'CREATE VIEW profile_registry_documents AS SELECT 1' WHERE type = 'view'", "view", "failed",
            "not ours"
        ),
    ])
    func `a defect is found, named, and told what to do about`(
        sql: String, id: String, status: String, found: String
    ) async throws {
        let tenants = try BackupTenants()
        _ = try await tenants.tenant()
        await tenants.close()
        #expect(await tenants.shell(sql) == "")
        let again = try BackupTenants(in: tenants.scratch)
        let report = try await again.service.verify(.default)
        let check = try #require(report.checks.first { $0.id == id }, "\(report.checks.map(\.id))")
        #expect(check.status.rawValue == status)
        #expect(check.found.contains(found))
        #expect(check.advice != nil)
        await again.close()
    }

    @Test func `a version missing between others is a gap`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        for number in 0..<4 {
            try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context)
        }
        await tenants.shell("DELETE FROM profile_history WHERE profile_slug = 'agent' AND version = 3")
        let check = try #require(try await tenants.service.verify(.default).checks.first { $0.id == "history" })
        #expect(check.status == .warning && check.found.contains("default/agent has 4 of versions 1 to 5"))
        await tenants.close()
    }

    @Test(arguments: [
        ("chmod 644 T/profiles.db", "files.modes", "warning"), ("chmod 755 T", "files.modes", "warning"),
        ("chmod 666 T/backups/*[0-9]", "files.modes", "failed"),
        ("touch T/profiles.db-wal.foreign-5", "files.kept", "warning"),
        ("rm T/backups/*", "backups.age", "warning"),
        ("for f in T/backups/*[0-9]; do echo x >> $f; done", "backups.newest", "failed"),
        (
            "rm T/backups/*.json; dd if=/dev/urandom of=$(ls T/backups/*[0-9]) bs=4096 seek=1 count=9 conv=notrunc",
            "backups.newest", "failed"
        ),
    ])
    func `what lies about the file is looked at too`(line: String, id: String, status: String) async throws {
        let tenants = try BackupTenants()
        _ = try await tenants.service.backUp(.default)
        let directory = tenants.data.path + "/tenants/default"
        await Shell.run(line.replacing("T/", with: directory + "/").replacing(" T", with: " " + directory))
        let report = try await tenants.service.verify(.default)
        let check = try #require(report.checks.first { $0.id == id })
        #expect(check.status.rawValue == status, "\(check)")
        #expect(!check.found.contains("is quarantined"))
        #expect(report.isServing)
        await tenants.close()
    }

    @Test(arguments: Damage.allCases)
    func `a damaged file is explained although nobody can open it`(damage: Damage) async throws {
        let tenants = try BackupTenants(configured: ["default", "other"])
        try await damage.inflict(on: tenants)
        let report = try await tenants.service.verify(.default)
        #expect(report.status == .failed && !report.isServing)
        let state = try #require(report.checks.first)
        #expect(state.id == "state" && state.found.contains(damage.reason), "\(state)")
        #expect(report.checks.dropFirst().allSatisfy { !$0.found.contains("is quarantined") }, "\(report.checks)")
        #expect(report.checks.contains { $0.status == .failed && $0.id.hasPrefix("file.") }, "\(report.checks)")
        #expect(try await tenants.service.verify(TenantSlug(normalised: "other")).isServing)
        await tenants.close()
    }

    @Test(arguments: Damage.allCases)
    func `a damaged file quarantines its tenant alone, keeps its evidence, and comes back by restore`(
        damage: Damage
    ) async throws {
        let tenants = try BackupTenants(configured: ["default", "other"])
        let backup = try await damage.inflict(on: tenants)
        let evidence = await Shell.run("sha256sum < '\(tenants.path())'")
        let tenant = try await tenants.tenant()
        #expect(throws: RegistryError.self) { try tenant.current() }
        await #expect(throws: RegistryError.self) {
            try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
        }
        let other = try await tenants.tenant("other")
        try await other.patch("default", #"{"display_name":"fine"}"#, tenants.context)
        #expect(await Shell.run("sha256sum < '\(tenants.path())'") == evidence)

        let report = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        #expect(report.isRestored)
        #expect(try tenant.displayName("default") == "backed up")
        try await tenant.patch("default", #"{"display_name":"back"}"#, tenants.context)
        let kept = try #require(
            report.kept.first {
                $0.contains("profiles.db.replaced-") && !$0.hasSuffix(".state") && !$0.hasSuffix("-wal")
                    && !$0.hasSuffix("-shm")
            })
        #expect(await Shell.run("sha256sum < '\(kept)'") == evidence)
        #expect(try await tenants.service.verify(.default).isServing)
        await tenants.close()
    }

    @Test(arguments: ["user_version = 99", "application_id = 7"])
    func `a schema that changes under an open file is noticed as at the start`(pragma: String) async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"open"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA \(pragma)") == "")
        #expect(await eventually { tenant.state != .serving })
        await #expect(throws: RegistryError.self) {
            try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
        }
        await tenants.close()
    }

    @Test func `a page damaged while the tenant serves makes no backup, and the old ones stay`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let filler = String(repeating: "x", count: 3000)
        for number in 0..<50 {
            try await tenant.create(#"{"slug":"p\#(number)","description":"\#(filler)"}"#, tenants.context)
        }
        let kept = try #require(try await tenants.service.backUp(.default).files.first)
        await tenants.close()
        await Shell.run("dd if=/dev/urandom of='\(tenants.path())' bs=4096 seek=30 count=3 conv=notrunc")
        let again = try BackupTenants(in: tenants.scratch)
        await #expect(throws: RegistryError.self) { try await again.service.backUp(.default) }
        #expect(try await again.service.list(.default).map(\.fileName) == [kept.fileName])
        _ = try await again.service.restore(.default, from: .name(kept.fileName), context: again.context)
        #expect(try await again.tenant().entry("p49").version == 1)
        await again.close()
    }

    @Test func `a tenant that does not exist is not made by looking`() async throws {
        let tenants = try BackupTenants()
        await #expect(throws: RegistryError.tenantNotFound("nobody")) {
            try await tenants.service.verify(TenantSlug(normalised: "nobody"))
        }
        #expect(FileStatus(tenants.data.path + "/tenants/nobody") == nil)
        await tenants.close()
    }

    /// What can happen to a file as a whole (issue: damage).
    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case truncated, anotherApplications, newerSchema, empty, random, zeroedPages

        var testDescription: String { rawValue }

        /// The shell does not move its log into the file by itself when the sweep has opened it meanwhile.
        var line: String {
            switch self {
            case .truncated: "truncate -s 9000 F"
            case .anotherApplications:
                "sqlite3 -cmd '.timeout 5000' F 'PRAGMA application_id = 7; PRAGMA wal_checkpoint'"
            case .newerSchema: "sqlite3 -cmd '.timeout 5000' F 'PRAGMA user_version = 99; PRAGMA wal_checkpoint'"
            case .empty: ": > F"
            case .random: "head -c 50000 /dev/urandom > F"
            case .zeroedPages: "dd if=/dev/zero of=F bs=4096 seek=1 count=40 conv=notrunc"
            }
        }

        var reason: String {
            switch self {
            case .truncated, .random, .zeroedPages: "damaged"
            case .anotherApplications: "belongs to another application"
            case .newerSchema: "schema version 99"
            case .empty: "is empty but held data before"
            }
        }

        /// Backs the default tenant up, damages its file while nobody has it open, and lets it be noticed.
        @discardableResult
        func inflict(on tenants: BackupTenants) async throws -> BackupFile {
            let tenant = try await tenants.tenant()
            try await tenant.patch("default", #"{"display_name":"backed up"}"#, tenants.context)
            let backup = try #require(try await tenants.service.backUp(.default).files.first)
            #expect(await tenant.closeFilesNow())
            await Shell.run(
                line.replacing(" F", with: " '\(tenants.path())'").replacing("of=F", with: "of='\(tenants.path())'"))
            // Half of the damage may be noticed before the rest of it.
            let isNoticed = await eventually {
                guard case .quarantined(let error) = tenant.state else { return false }
                return error.message.contains(reason)
            }
            #expect(isNoticed, "\(tenant.state)")
            return backup
        }
    }
}
