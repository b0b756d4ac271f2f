import GatewayTestSupport
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// How much of the past is kept (gateway.md §5), and what forgetting it may not do.
struct PruningTests {
    private func tenants(
        in scratch: ScratchDirectory? = nil, _ adjust: (inout HistoryRetention) -> Void
    ) throws -> TestTenants {
        var retention = HistoryRetention()
        retention.interval = .zero
        adjust(&retention)
        return try TestTenants(in: scratch) { [retention] in $0.retention = retention }
    }

    private func versions(_ tenants: TestTenants, _ slug: String) async -> String {
        await tenants.shell(
            "SELECT group_concat(version) FROM (SELECT version FROM profile_history "
                + "WHERE profile_slug = '\(slug)' ORDER BY version)")
    }

    @Test func `beyond the count the oldest versions go, the newest of each profile stays`() async throws {
        let tenants = try tenants { $0.maximumVersions = 10 }
        let tenant = try await tenants.tenant()
        for number in 2...30 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
        #expect(
            await eventually {
                await tenants.shell("SELECT count(*) FROM profile_history") == "10"
            })
        // The registry and `default` have one version each, older than all that went.
        #expect(await versions(tenants, "") == "1")
        #expect(await versions(tenants, "default") == "1")
        #expect(await versions(tenants, "agent") == "23,24,25,26,27,28,29,30")
        #expect(try tenant.entry("agent").version == 30)
        #expect(try await tenant.patch("agent", #"{"display_name":"x"}"#, tenants.context).version == 31)
        await #expect(throws: RegistryError.versionNotFound(.profile, "agent", 22)) {
            try await tenant.version(22, of: named("agent"), in: .default)
        }
        await tenants.directory.close()
    }

    @Test func `what was found in a file that a restore has replaced is not deleted from the one in its place`()
        async throws
    {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        for number in 2...30 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        var retention = HistoryRetention()
        retention.maximumVersions = 10
        let (pass, batch) = try await tenant.read { [retention] (connection) throws(SQLiteError) in
            var pass = try PruningPass(retention, nowMs: 0, connection)
            return (pass, try pass.next(connection))
        }
        #expect(batch.versions.count == 22)
        _ = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        let error = await #expect(throws: RegistryError.self) {
            try await withCheckedContinuation { continuation in
                tenant.perform(PendingPruning(batch: batch, continuation: continuation))
            }.get()
        }
        #expect(error?.isBusy == true)
        #expect(await tenants.shell("SELECT count(*) FROM profile_history") == "32")
        // Nor is anything looked for with the counts of the old file.
        let next = try await tenant.read { (connection) throws(SQLiteError) in
            var pass = pass
            return try pass.next(connection)
        }
        #expect(next.isEmpty)
        await tenants.close()
    }

    @Test func `a deletion stays, so that a slug made again goes on counting`() async throws {
        let tenants = try tenants { $0.maximumVersions = 1 }
        let tenant = try await tenants.tenant()
        let context = tenants.context
        for _ in 0..<2 {
            try await tenant.create(#"{"slug":"x"}"#, context)
            try await tenant.patch("x", #"{"display_name":"n"}"#, context)
            try await tenant.transact(context) { (transaction) throws(RegistryError) in
                try transaction.deleteProfile(named("x"), in: .default)
            }
        }
        #expect(await eventually { await versions(tenants, "x") == "6" })
        try await tenant.create(#"{"slug":"x"}"#, context)
        #expect(try tenant.entry("x").version == 7)
        try await tenant.patch("x", #"{"display_name":"n"}"#, context)
        #expect(await eventually { await versions(tenants, "x") == "6,8" })
        await tenants.directory.close()
    }

    @Test func `what is too old goes, whatever the count`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            let tenant = try await tenants.tenant()
            for number in 2...9 {
                try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context)
            }
            await tenants.directory.close()
            for table in ["profile_history", "profile_audit"] {
                await tenants.shell("UPDATE \(table) SET at_ms = at_ms - 100000000 WHERE version < 6")
            }
        }
        let tenants = try tenants(in: scratch) {
            $0.maximumVersionAge = .seconds(50_000)
            $0.maximumAuditAge = .seconds(50_000)
        }
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"10"}"#, tenants.context)
        #expect(await eventually { await versions(tenants, "agent") == "6,7,8,9,10" })
        #expect(await versions(tenants, "default") == "1")
        #expect(
            await eventually {
                await tenants.shell("SELECT group_concat(version) FROM profile_audit") == "6,7,8,9,10"
            })
        await tenants.directory.close()
    }

    @Test func `the audit keeps its newest lines`() async throws {
        let tenants = try tenants { $0.maximumAuditEntries = 5 }
        let tenant = try await tenants.tenant()
        for number in 2...300 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
        #expect(
            await eventually {
                await tenants.shell("SELECT group_concat(version) FROM profile_audit") == "296,297,298,299,300"
            })
        #expect(await tenants.shell("SELECT count(*) FROM profile_history WHERE profile_slug = 'agent'") == "300")
        await tenants.directory.close()
    }

    @Test func `forgetting changes no revision, no tag, and leaves the file idle and closed`() async throws {
        let tenants = try tenants { $0.maximumVersions = 3 }
        let tenant = try await tenants.tenant()
        for number in 2...250 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
        let before = (try tenant.current().revision, try tenant.entry("agent").etag)
        #expect(await eventually { await versions(tenants, "agent") == "250" })
        #expect(try tenant.current().revision == before.0 && tenant.entry("agent").etag == before.1)
        #expect(await eventually { FileStatus(tenants.path() + "-wal") == nil })
        #expect(tenants.events.messages.contains("history pruned"))
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test func `writes go on while much is forgotten, and nothing of them is lost`() async throws {
        let scratch = try ScratchDirectory()
        try await writeHistory(of: "ghost", versions: 5_000, in: scratch)
        let tenants = try tenants(in: scratch) { $0.maximumVersions = 1_000 }
        let tenant = try await tenants.tenant()
        let context = tenants.context
        try await tenant.create(#"{"slug":"x"}"#, context)
        try #require(await eventually { tenant.work.withLock { $0.isPruning } })
        var written: UInt64 = 1
        while tenant.work.withLock({ $0.isPruning }), written < 2_000 {
            try await tenant.patch("x", #"{"display_name":"\#(written)"}"#, context)
            written += 1
        }
        #expect(written > 1)
        #expect(try tenant.entry("x").version == written)
        #expect(
            await tenants.shell("SELECT max(version) FROM profile_history WHERE profile_slug = 'x'") == "\(written)")
        #expect(
            await eventually {
                await tenants.shell("SELECT count(*) <= 1000 FROM profile_history") == "1"
            })
        #expect(await tenants.shell("SELECT max(version) FROM profile_history WHERE profile_slug = 'ghost'") == "5000")
        await tenants.directory.close()
    }

    @Test func `closing in the middle loses nothing and does not hang`() async throws {
        let scratch = try ScratchDirectory()
        try await writeHistory(of: "ghost", versions: 2_0000, in: scratch)
        let tenants = try tenants(in: scratch) { $0.maximumVersions = 10 }
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        try #require(await eventually { tenant.work.withLock { $0.isPruning } })
        await tenants.directory.close()
        #expect(FileStatus(tenants.path() + "-wal") == nil)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "3")
    }

    @Test func `a table that was dropped after pruning comes back with a version nobody has seen`() async throws {
        let scratch = try ScratchDirectory()
        let seen: UInt64
        do {
            let tenants = try tenants(in: scratch) { $0.maximumVersions = 3 }
            let tenant = try await tenants.tenant()
            for number in 1...12 {
                let body = try PatchRegistryBody(decoding: ["display_name": .string("\(number)")])
                _ = try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
                    try transaction.patchRegistry(.default, body)
                }
            }
            for number in 2...20 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
            seen = try tenant.current().usableRegistry(.default).registry.metadata.version
            #expect(
                await eventually {
                    await tenants.shell("SELECT count(*) FROM profile_history") == "3"
                })
            await tenants.directory.close()
            await tenants.shell("DROP TABLE profile_registries")
        }
        let tenants = try TestTenants(in: scratch)
        let tenant = try await tenants.tenant()
        #expect(try tenant.current().usableRegistry(.default).registry.metadata.version > seen)
        #expect(try tenant.entry("agent").version == 20)
        await tenants.directory.close()
    }

    @Test func `what is old and may not go is looked through once a pass`() throws {
        let scratch = try ScratchDirectory()
        let connection = try Connection(path: scratch.path + "/history.db", options: ConnectionOptions())
        defer { connection.close() }
        try connection.execute(RegistrySchema.version1)
        func add(_ slug: String, _ version: Int, at time: Int) throws {
            try connection.execute(
                "INSERT INTO profile_history VALUES (NULL, 1, 'r', '\(slug)', \(version), 'update', '{}', \(time), '', '', '')"
            )
        }
        try add("old", 1, at: 1)
        for version in 1...6 { try add("young", version, at: 90_000) }
        var retention = HistoryRetention()
        retention.maximumVersions = 5
        retention.maximumVersionAge = .seconds(50)
        var pass = try PruningPass(retention, nowMs: 100_000, connection)
        #expect(try pass.next(connection).versions == [2, 3])
        // It may go from now on; this pass is done with it, the next one is not.
        try add("old", 2, at: 90_001)
        #expect(try pass.next(connection).isEmpty)
        pass = try PruningPass(retention, nowMs: 100_000, connection)
        #expect(try pass.next(connection).versions == [1])
    }

    @Test func `another program's lock puts it off, and its changes are not lost`() async throws {
        let tenants = try tenants { $0.maximumVersions = 3 }
        let tenant = try await tenants.tenant()
        for number in 2...9 { try await tenant.patch("agent", #"{"display_name":"\#(number)"}"#, tenants.context) }
        let lock = try LockingConnection(tenants.path())
        try await Task.sleep(for: .milliseconds(1500))
        try lock.release()
        await tenants.shell(
            "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'outside') "
                + "WHERE slug = 'agent'")
        #expect(try await eventually { try tenant.displayName("agent") == "outside" })
        try await tenant.patch("default", #"{"display_name":"more"}"#, tenants.context)
        #expect(await eventually { await versions(tenants, "agent") == "10" })
        await tenants.directory.close()
    }

    /// Makes a tenant's file in which a profile has so many versions.
    private func writeHistory(of slug: String, versions: Int, in scratch: ScratchDirectory) async throws {
        let tenants = try TestTenants(in: scratch)
        _ = try await tenants.tenant()
        await tenants.directory.close()
        await tenants.shell(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < \(versions)) "
                + "INSERT INTO profile_history SELECT NULL, 1, 'default', '\(slug)', i, 'update', '{}', 1, '', '', '' FROM n"
        )
    }
}
