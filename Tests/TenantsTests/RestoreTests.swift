import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// Putting a backup in force while the process runs (gateway.md §10).
struct RestoreTests {
    @Test func `the backup's content is served under a new epoch, and the old file is kept whole`() async throws {
        let tenants = try BackupTenants(configured: ["default", "other"])
        let tenant = try await tenants.tenant()
        let other = try await tenants.tenant("other")
        try await tenant.patch("default", #"{"display_name":"good"}"#, tenants.context)
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        try await tenant.patch("default", #"{"display_name":"bad"}"#, tenants.context)
        try await tenant.create(#"{"slug":"later"}"#, tenants.context)
        let before = tenant.snapshot
        let report = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        #expect(report.isRestored && report.checks.status == .ok, "\(report.checks)")
        #expect(report.checks.map(\.id) == ["list", "default", "stale_version", "resolve"])
        #expect(try tenant.displayName("default") == "good")
        #expect(throws: RegistryError.profileNotFound("later")) { try tenant.entry("later") }
        #expect(tenant.snapshot.epoch != before.epoch && tenant.snapshot.epoch == report.epoch)
        let old = try #require(report.kept.first { $0.contains("profiles.db.replaced-") && !$0.hasSuffix(".state") })
        #expect(await Shell.run("sqlite3 '\(old)' \"SELECT count(*) FROM profiles\"") == "3")
        // The next change goes on counting, and the stale one is refused.
        await #expect(throws: RegistryError.versionConflict(.profile, "default", expected: 1, actual: 2)) {
            try await tenant.patch("default", #"{"display_name":"x","expected_version":1}"#, tenants.context)
        }
        try await tenant.patch("default", #"{"display_name":"on","expected_version":2}"#, tenants.context)
        #expect(
            await tenants.shell("SELECT action, note FROM profile_audit WHERE action = 'restore'")
                == "restore|\(backup.fileName)")
        #expect(try await tenants.service.list(.default).map(\.fileName) == [backup.fileName])
        #expect(try other.entry("default").version == 1)
        #expect(await tenants.leftovers() == "")
        await tenants.close()
        // The same after a restart.
        let again = try TestTenants(in: tenants.scratch)
        let reopened = try await again.tenant()
        #expect(try reopened.displayName("default") == "on" && reopened.snapshot.epoch == report.epoch)
        await again.directory.close()
    }

    @Test func `a dry run checks everything and changes nothing`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        try await tenant.patch("default", #"{"display_name":"now"}"#, tenants.context)
        let before = tenant.snapshot.etag
        let report = try await tenants.service.restore(
            .default, from: .path(backup.path), dryRun: true, context: tenants.context)
        #expect(!report.isRestored && report.profiles == 2 && report.checks.status == .ok)
        #expect(tenant.snapshot.etag == before)
        #expect(await tenants.leftovers() == "")
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -c replaced") == "0")
        await tenants.close()
    }

    @Test(arguments: [
        ("truncate -s 5000 {F}", "damaged"), (": > {F}", "is empty"),
        ("head -c 40000 /dev/urandom > {F}", "no database"),
        ("sqlite3 {F} 'PRAGMA user_version = 99'", "schema version 99"),
        ("sqlite3 {F} 'PRAGMA application_id = 7'", "belongs to another application"),
        ("rm {F}; sqlite3 {F} 'CREATE TABLE notes(a)'; chmod 600 {F}", "no table profile_registries"),
        ("sqlite3 {F} \\\"UPDATE profiles SET document_json = '[]' WHERE slug = 'agent'\\\"", "row default/agent"),
        ("dd if=/dev/urandom of={F} bs=4096 seek=2 count=3 conv=notrunc", "damaged"),
        ("echo x > {F}-wal", "lies beside it"), ("chmod 666 {F}", "can be written by group or others"),
        ("mv {F} {G}; ln -s {G} {F}", "symbolic link"),
    ])
    func `a file that is of no use is refused before anything is touched`(_ spoil: String, _ reason: String)
        async throws
    {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        let path = tenants.scratch.path + "/x.db"
        let line = spoil.replacing("\\\"", with: "\"")
            .replacing("{F}", with: path).replacing("{G}", with: path + ".g")
        await Shell.run("cp '\(backup.path)' '\(path)'; chmod 600 '\(path)'; \(line)")
        try await tenant.patch("default", #"{"display_name":"serving"}"#, tenants.context)
        let before = await Shell.run("ls -A '\(tenants.data.path)/tenants/default'")
        do {
            _ = try await tenants.service.restore(.default, from: .path(path), context: tenants.context)
            Issue.record("restored")
        } catch {
            #expect(error.message.contains(reason), "\(error.message)")
        }
        #expect(try tenant.displayName("default") == "serving")
        #expect(await Shell.run("ls -A '\(tenants.data.path)/tenants/default'") == before)
        await tenants.close()
    }

    @Test func `a backup that was changed since it was made is refused by its manifest`() async throws {
        let tenants = try BackupTenants()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        await Shell.run("sqlite3 '\(backup.path)' \"UPDATE profiles SET updated_at_ms = 1\"; rm -f '\(backup.path)'-*")
        let error = await #expect(throws: RegistryError.self) {
            try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        }
        #expect(error?.message.contains("is not what its manifest says") == true)
        await tenants.close()
    }

    @Test func `an unknown name, a missing path, the live file and another tenant's are refused`() async throws {
        let tenants = try BackupTenants(configured: ["default", "other"])
        _ = try await tenants.tenant()
        _ = try await tenants.tenant("other")
        await #expect(throws: RegistryError.backupNotFound("nothing")) {
            try await tenants.service.restore(.default, from: .name("nothing"), context: tenants.context)
        }
        await #expect(throws: RegistryError.backupNotFound("/nothing/there")) {
            try await tenants.service.restore(.default, from: .path("/nothing/there"), context: tenants.context)
        }
        for path in [tenants.path(), tenants.path("other")] {
            let error = await #expect(throws: RegistryError.self) {
                try await tenants.service.restore(.default, from: .path(path), context: tenants.context)
            }
            #expect(error?.message.contains("is the file in use of tenant") == true)
        }
        await #expect(throws: RegistryError.tenantNotFound("nobody")) {
            try await tenants.service.restore(
                TenantSlug(normalised: "nobody"), from: .name("x"), context: tenants.context)
        }
        await tenants.close()
    }

    @Test func `a copy made by the runbook's cp is restored by its name (S15, S20)`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"copied"}"#, tenants.context)
        #expect(await eventually { FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 == 0 })
        await Shell.run("cp '\(tenants.path())' '\(tenants.path()).bak.20260223-220000'")
        try await tenant.patch("default", #"{"display_name":"changed"}"#, tenants.context)
        _ = try await tenants.service.restore(
            .default, from: .name("profiles.db.bak.20260223-220000"), context: tenants.context)
        #expect(try tenant.displayName("default") == "copied")
        await tenants.close()
    }

    @Test
    func `a file that vanished is told at the next start, no backup is pruned for it, and a restore brings it back`()
        async throws
    {
        let before = try BackupTenants()
        let tenant = try await before.tenant()
        try await tenant.patch("default", #"{"display_name":"kept"}"#, before.context)
        let backup = try #require(try await before.service.backUp(.default).files.first)
        await before.close()
        await Shell.run("rm '\(before.path())'")
        let tenants = try BackupTenants(in: before.scratch)
        let gone = try await tenants.tenant()
        let error = #expect(throws: RegistryError.self) { try gone.current() }
        #expect(error?.message.contains("is missing but held data before") == true, "\(String(describing: error))")
        for _ in 0..<2 {
            await #expect(throws: RegistryError.self) {
                try await tenants.service.backUp(.default, BackupRequest(retention: BackupRetention(keep: 1)))
            }
        }
        #expect(try await tenants.service.list(.default).map(\.fileName) == [backup.fileName])
        #expect(FileStatus(tenants.path()) == nil)
        _ = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        #expect(try gone.displayName("default") == "kept")
        try await gone.patch("default", #"{"display_name":"goes on"}"#, tenants.context)
        await tenants.close()
    }

    @Test func `of what a tenant's own restores replace the newest are kept, and all of what the operator's do`()
        async throws
    {
        let tenants = try BackupTenants()
        _ = try await tenants.tenant()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        let source = RestoreSource.name(backup.fileName)
        for _ in 0..<5 { _ = try await tenants.service.restore(.default, from: source, context: tenants.context) }
        var kept: [String] = []
        for _ in 0..<5 {
            let report = try await tenants.service.restore(
                .default, from: source, isOperators: false, context: tenants.context)
            kept.append(try #require(report.kept.first { $0.last?.isNumber == true }))
        }
        let listing = "cd '\(tenants.data.path)/tenants/default'; ls -d $PWD/profiles.db.replaced-"
        #expect(await Shell.run(listing + "by-tenant-*[0-9]") == kept.suffix(3).joined(separator: "\n"))
        #expect(await Shell.run(listing + "by-tenant-* | wc -l") == "6", "each with its record")
        #expect(await Shell.run(listing + "[0-9]*[0-9] | wc -l") == "5")
        _ = try await tenants.service.restore(.default, from: .path(kept[4]), context: tenants.context)
        await tenants.close()
    }

    @Test func `a restore of a file with a journal that is kept and spent can be undone`() async throws {
        let scratch = try ScratchDirectory()
        let slug = try #require(TenantSlug("default"))
        var options = ConnectionOptions()
        options.journalMode = .persist
        let tenants = try BackupTenants(in: scratch) { [options] configuration in
            configuration.elsewhere[slug] = (RegistryFile(path: scratch.path + "/mine/my.db"), options)
        }
        let tenant = try await tenants.tenant()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        try await tenant.patch("default", #"{"display_name":"later"}"#, tenants.context)
        let report = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
        let journal = try #require(report.kept.first { $0.hasSuffix("-journal") })
        #expect(FileIdentity.of(journal)?.size ?? 0 > 0)
        let old = String(journal.dropLast("-journal".count))
        _ = try await tenants.service.restore(.default, from: .path(old), context: tenants.context)
        #expect(try tenant.displayName("default") == "later")
        // One that is not over is part of the file.
        await Shell.run("printf '\\331\\325\\005\\371\\040\\241\\143\\327' | dd of='\(journal)' conv=notrunc")
        let error = await #expect(throws: RegistryError.self) {
            try await tenants.service.restore(.default, from: .path(old), context: tenants.context)
        }
        #expect(error?.message.contains("lies beside it") == true)
        await tenants.close()
    }

    @Test
    func `a registry that a restore takes away makes room for a source's of the same name, and the other way round`()
        async throws
    {
        let scratch = try ScratchDirectory()
        let slug = try #require(TenantSlug("default"))
        let path = scratch.path + "/team.yaml"
        await Shell.run("echo x > '\(path)'; chmod 600 '\(path)'")
        let team = RegistryDocument(registry: Registry(slug: RegistrySlug(normalised: "team")), profiles: [])
        let directory = try FileSystem.realPath(scratch.path)
        let tenants = try BackupTenants(in: scratch) { configuration in
            configuration.sources[slug] = [RegistrySource(kind: .yaml, path: path)]
            configuration.sourceReading = SourceReading(directories: [directory]) { _ throws(SourceFailure) in [team] }
        }
        let tenant = try await tenants.tenant()
        let mounts = try #require(tenant.sources)
        #expect(mounts.mounted.registries["team"] != nil)
        let without = try #require(try await tenants.service.backUp(.default).files.first)
        await tenants.shell(
            "INSERT INTO profile_registries SELECT 'team', "
                + "json_set(payload_json, '$.slug', 'team', '$.default_profile_slug', NULL), 5 FROM profile_registries")
        #expect(await eventually { mounts.mounted.registries["team"] == nil && !mounts.mounted.problems.isEmpty })
        let with = try #require(try await tenants.service.backUp(.default).files.first)
        _ = try await tenants.service.restore(.default, from: .name(without.fileName), context: tenants.context)
        #expect(mounts.mounted.registries["team"] != nil && mounts.mounted.problems.isEmpty)
        _ = try await tenants.service.restore(.default, from: .name(with.fileName), context: tenants.context)
        #expect(mounts.mounted.registries["team"] == nil && mounts.mounted.problems.count == 1)
        await tenants.close()
    }

    @Test func `a file of the origin is taken over by restoring it`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let path = tenants.scratch.path + "/origin.db"
        let document =
            #"{"slug":"default","default_profile_slug":"solo","profiles":{"solo":{"slug":"solo","display_name":"From the origin"}}}"#
        let origin = try Connection(path: path, options: ConnectionOptions())
        try origin.execute(
            """
            CREATE TABLE profile_registries (slug TEXT PRIMARY KEY, payload_json TEXT NOT NULL,
                updated_at_ms INTEGER NOT NULL DEFAULT 0)
            """)
        try origin.run("INSERT INTO profile_registries VALUES ('default', ?1, 5)", .text(document))
        origin.close()
        await Shell.run("chmod 600 '\(path)'")
        _ = try await tenants.service.restore(.default, from: .path(path), context: tenants.context)
        #expect(try tenant.displayName("solo") == "From the origin")
        #expect(await tenants.leftovers() == "")
        await tenants.close()
    }

    @Test func `requests for the tenant are told to come back meanwhile, others are served`() async throws {
        let tenants = try BackupTenants(configured: ["default", "other"])
        let tenant = try await tenants.tenant()
        let other = try await tenants.tenant("other")
        tenant.published.withLock { $0.state = .restoring }
        #expect(throws: RegistryError.restoring(retryAfter: 1)) { try tenant.current() }
        await #expect(throws: RegistryError.restoring(retryAfter: 1)) {
            try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
        }
        try await other.patch("default", #"{"display_name":"fine"}"#, tenants.context)
        tenant.published.withLock { $0.state = .serving }
        try await tenant.patch("default", #"{"display_name":"back"}"#, tenants.context)
        await tenants.close()
    }

    @Test func `restores and writes at once lose no acknowledged change made after the last restore`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<30 {
                        do {
                            try await tenant.create(#"{"slug":"w\#(writer)-\#(number)"}"#, tenants.context)
                        } catch RegistryError.restoring {
                            try await Task.sleep(for: .milliseconds(1))
                        }
                    }
                }
            }
            group.addTask {
                for _ in 0..<4 {
                    _ = try await tenants.service.restore(.default, from: .path(backup.path), context: tenants.context)
                }
            }
            try await group.waitForAll()
        }
        try await tenant.create(#"{"slug":"last"}"#, tenants.context)
        let memory = try tenant.current().usableRegistry(.default).slugs.map(\.rawValue).joined(separator: ",")
        #expect(
            await tenants.shell("SELECT group_concat(slug) FROM (SELECT slug FROM profiles ORDER BY slug)") == memory)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.close()
    }

    @Test(arguments: 0..<26, [DiskFault.Kind.sync, .write, .open])
    func `a disk that fails anywhere in a restore leaves the old file or the new one, served`(
        skip: Int, kind: DiskFault.Kind
    ) async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"backup"}"#, tenants.context)
        let backup = try #require(try await tenants.service.backUp(.default).files.first)
        try await tenant.patch("default", #"{"display_name":"old"}"#, tenants.context)
        var isRestored = true
        do {
            let fault = DiskFault(kind, under: tenants.data.path + "/tenants/default", error: EIO, skip: skip, count: 1)
            do {
                _ = try await tenants.service.restore(.default, from: .name(backup.fileName), context: tenants.context)
            } catch { isRestored = false;  }
            fault.end()
        }
        #expect(await eventually { (try? tenant.current()) != nil })
        let name = try tenant.displayName("default")
        #expect(name == (isRestored ? "backup" : "old"), "\(kind) \(skip)")
        try await tenant.patch("default", #"{"display_name":"goes on"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.close()
        let again = try TestTenants(in: tenants.scratch)
        #expect(try await again.tenant().displayName("default") == "goes on")
        await again.directory.close()
    }

    /// What is on the disk when the process dies before the n-th of the steps, forward and on the way back.
    @Test(arguments: 0..<12)
    func `dying at any step leaves the old file with its log, or the new one`(step: Int) throws {
        let crash = try CrashedRestore(dyingAt: step)
        let slugs = try crash.reopened()
        let isNew = crash.newIsInForce
        #expect(slugs == (isNew ? ["agent", "default", "new"] : ["agent", "default", "in-log"]), "step \(step)")
        #expect(FileStatus(crash.file.restoreJournalPath) == nil)
        // Before there is a journal nothing speaks of the staged file; the next restore clears it away.
        if step > 0 { #expect(FileStatus(crash.staging.directory) == nil) }
        // Found the same by the start after that.
        #expect(try crash.reopened() == slugs)
        if isNew { #expect(FileStatus(crash.file.path + crash.journal.suffix) != nil) }
    }

    @Test(arguments: [true, false])
    func `a way back that failed half-way is gone to its end at the next look, without a restart`(comingBack: Bool)
        throws
    {
        // The old file is moved aside, and the new one not yet in its place.
        let crash = try CrashedRestore(dyingAt: 5)
        #expect(FileStatus(crash.file.path) == nil && FileStatus(crash.file.restoreJournalPath) != nil)
        #expect(try crash.lookedAtAgain(comingBack: comingBack) == ["agent", "default", "in-log"])
        #expect(FileStatus(crash.file.restoreJournalPath) == nil)
    }
}

/// A restore whose process died: an old file with a change that is only in its log, and a new one on its way.
private final class CrashedRestore {
    let scratch: ScratchDirectory
    let file: RegistryFile
    let journal = RestoreJournal(staging: "profiles.db.restoring-1", suffix: ".replaced-1")
    let newIsInForce: Bool

    var staging: RegistryFile { journal.stagedFile(of: file) }

    init(dyingAt last: Int) throws {
        scratch = try ScratchDirectory()
        let file = RegistryFile(path: scratch.path + "/tenant/profiles.db")
        self.file = file
        let staging = journal.stagedFile(of: file)
        try Self.write("in-log", in: file, closing: false)
        #expect(FileIdentity.of(file.writeAheadLogPath)?.size ?? 0 > 0)
        try Self.write("new", in: staging, closing: true)
        var steps: [() throws -> Void] = [{ [journal] in try journal.write(file) }]
        for move in journal.moves(of: file) where FileStatus(move.from) != nil {
            steps.append { try FileSystem.rename(move.from, to: move.to) }
        }
        steps.append { try FileSystem.rename(staging.path, to: file.path) }
        let arrival = steps.count
        // And back again: a check failed, and then the process died.
        steps.append { try FileSystem.rename(file.path, to: staging.path) }
        for move in journal.moves(of: file).reversed() where FileStatus(move.from) != nil {
            steps.append { try FileSystem.rename(move.to, to: move.from) }
        }
        #expect(steps.count == 11)
        for step in steps.prefix(last) { try step() }
        newIsInForce = last == arrival
    }

    /// What the process that made the half-done restore finds when it looks again.
    func lookedAtAgain(comingBack: Bool) throws -> [String] {
        let store = Self.store(file)
        if comingBack { try store.comeBack() } else { try store.takeInChanges() }
        defer { store.drop() }
        return store.content.registries["default"]?.slugs.map(\.rawValue) ?? []
    }

    /// Opens the file as the next process would.
    func reopened() throws -> [String] {
        let store = Self.store(file)
        try store.open()
        defer { store.drop() }
        return store.content.registries["default"]?.slugs.map(\.rawValue) ?? []
    }

    private static func store(_ file: RegistryFile) -> RegistryStore {
        RegistryStore(
            tenant: "t", file: file, options: .init(), environment: TestTenants.environment(EventRecorder()))
    }

    private static func write(_ slug: String, in file: RegistryFile, closing: Bool) throws {
        let store = store(file)
        try store.open()
        try store.create(slug)
        if closing { try store.close() } else { store.drop() }
    }
}
