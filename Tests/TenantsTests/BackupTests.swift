import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// Backups of tenants that are being written (gateway.md §10).
struct BackupTests {
    @Test func `a backup waits for a lock of another process as a write does`() async throws {
        let tenants = try BackupTenants(configured: []) { configuration in
            var options = ConnectionOptions()
            // Here a lock of another process keeps readers away, too.
            options.journalMode = .delete
            let file = RegistryFile(path: configuration.data.path + "-elsewhere/profiles.db", isElsewhere: true)
            configuration.elsewhere[.default] = (file, options)
        }
        let tenant = try await tenants.tenant()
        #expect(await tenant.closeFilesNow())
        let shell = try LockingConnection(tenant.file.path, lock: "EXCLUSIVE")
        let isOver = Atomic<Bool>(false)
        let backup = Task {
            defer { isOver.store(true, ordering: .relaxed) }
            return try await tenants.service.backUp(.default)
        }
        // Long enough to be refused at once, were it so.
        try await Task.sleep(for: .milliseconds(300))
        let wasRefused = isOver.load(ordering: .relaxed)
        #expect(!wasRefused)
        try shell.release()
        #expect(try await backup.value.files.count == 1)
        await tenants.close()
    }

    @Test func `a backup holds every acknowledged change, verified, 0600, with its manifest (D02, D03)`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"just now"}"#, tenants.context)
        let outcome = try await tenants.service.backUp(.default)
        let file = try #require(outcome.files.first)
        #expect(file.path.hasPrefix(tenants.data.path + "/tenants/default/backups/profiles.db.bak."))
        #expect(BackupName(file.fileName, of: "profiles.db") != nil)
        #expect(FileStatus(file.path)?.permissions == 0o600)
        #expect(FileStatus(file.path + ".json")?.permissions == 0o600)
        #expect(FileStatus(FileSystem.parentDirectory(file.path))?.permissions == 0o700)
        let manifest = try #require(file.manifest)
        #expect(manifest.sha256 == (await Shell.run("sha256sum '\(file.path)' | cut -d' ' -f1")))
        #expect(manifest.content.rows.first { $0.table == "profiles" }?.count == 2)
        #expect(
            manifest.content.revision == tenant.snapshot.revision && manifest.content.epoch == tenant.snapshot.epoch)
        #expect(manifest.content.schemaVersion == 1 && manifest.gatewayVersion == "1.2.3")
        let name = await Shell.run(
            "sqlite3 'file:\(file.path)?immutable=1' \"SELECT json_extract(document_json, '$.display_name') "
                + "FROM profiles WHERE slug = 'default'\"")
        #expect(name == "just now")
        #expect(await tenants.leftovers() == "")
        await tenants.close()
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -cE 'wal|shm'") == "0")
    }

    @Test func `an altered or torn manifest is none`() async throws {
        let tenants = try BackupTenants()
        let file = try #require(try await tenants.service.backUp(.default).files.first)
        await Shell.run("sed -i 's/\"bytes\":/\"bytes\":1/' '\(file.path).json'")
        #expect(try await tenants.service.list(.default).first?.manifest == nil)
        await Shell.run("truncate -s 20 '\(file.path).json'")
        #expect(try await tenants.service.list(.default).first?.manifest == nil)
        await tenants.close()
    }

    @Test func `a manifest that cannot be read keeps nobody from the other backups, only from restoring its own`()
        async throws
    {
        let tenants = try BackupTenants()
        let file = try #require(try await tenants.service.backUp(.default).files.first)
        await Shell.run(
            "mv '\(file.path).json' '\(tenants.scratch.path)/m'; ln -s '\(tenants.scratch.path)/m' '\(file.path).json'")
        #expect(try await tenants.service.backUp(.default).files.count == 1)
        let listed = try await tenants.service.list(.default)
        #expect(listed.count == 2 && listed.last?.fileName == file.fileName && listed.last?.manifest == nil)
        let error = await #expect(throws: RegistryError.self) {
            try await tenants.service.restore(.default, from: .name(file.fileName), context: tenants.context)
        }
        #expect(error?.message.contains("is a symbolic link") == true)
        await tenants.close()
    }

    @Test func `a backup is made, with a warning, when an older one cannot be removed`() async throws {
        let tenants = try BackupTenants()
        let old = try #require(try await tenants.service.backUp(.default).files.first)
        // A directory in its manifest's place.
        await Shell.run("rm '\(old.path).json'; mkdir '\(old.path).json'")
        let outcome = try await tenants.service.backUp(.default, BackupRequest(retention: BackupRetention(keep: 1)))
        #expect(outcome.files.count == 1 && outcome.warnings.count == 1)
        #expect(outcome.warnings.first?.contains("cannot remove \(old.path).json") == true, "\(outcome.warnings)")
        #expect(tenants.tenants.events.messages.contains("older backups could not be removed"))
        #expect(try await tenants.service.list(.default).map(\.fileName) == outcome.files.map(\.fileName))
        await tenants.close()
    }

    @Test func `backups in the same second are numbered and listed newest first`() async throws {
        let tenants = try BackupTenants(clock: 1_771_884_000_500)
        for _ in 0..<3 { _ = try await tenants.service.backUp(.default) }
        let names = try await tenants.service.list(.default).map(\.fileName)
        let stamp = BackupName.timestamp(ms: 1_771_884_000_500)
        #expect(names == ["-2", "-1", ""].map { "profiles.db.bak.\(stamp)\($0)" })
        await tenants.close()
    }

    @Test func `a name that pruning has freed in the same second is not given again, or the newest would be pruned`()
        async throws
    {
        let tenants = try BackupTenants(clock: 1_771_884_000_500)
        let one = BackupRequest(retention: BackupRetention(keep: 1))
        for _ in 0..<4 {
            let taken = try await tenants.service.backUp(.default, one).files.map(\.fileName)
            #expect(try await tenants.service.list(.default).map(\.fileName) == taken)
        }
        await tenants.close()
    }

    @Test func `a plain cp a second later holds everything, also while and after a backup runs`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"first"}"#, tenants.context)
        let pass = try await tenant.beginCopy()
        try await tenant.patch("default", #"{"display_name":"second"}"#, tenants.context)
        try await Task.sleep(for: .milliseconds(900))
        #expect(FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 > 0, "no checkpoint while a copy runs")
        tenant.endCopy(pass)
        #expect(await eventually { FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 == 0 })
        await Shell.run("cp '\(tenants.path())' '\(tenants.scratch.path)/copy.db'")
        let name = await Shell.run(
            "sqlite3 '\(tenants.scratch.path)/copy.db' \"SELECT json_extract(document_json, '$.display_name') "
                + "FROM profiles WHERE slug = 'default'\"")
        #expect(name == "second")
        await tenants.close()
    }

    @Test func `writers beside a backup lose nothing, and each backup is one state`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let filler = String(repeating: "x", count: 20_000)
        for number in 0..<60 {
            try await tenant.create(#"{"slug":"p\#(number)","description":"\#(filler)"}"#, tenants.context)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<25 {
                        try await tenant.patch("p\(writer)", #"{"display_name":"\#(number)"}"#, tenants.context)
                    }
                }
            }
            group.addTask {
                for _ in 0..<3 {
                    let file = try #require(try await tenants.service.backUp(.default).files.first)
                    let rows = try #require(file.manifest).content.rows
                    let history = rows.first { $0.table == "profile_history" }?.count ?? 0
                    #expect(
                        await Shell.run("sqlite3 '\(file.path)' 'SELECT count(*) FROM profile_history'") == "\(history)"
                    )
                }
            }
            try await group.waitForAll()
        }
        for writer in 0..<4 { #expect(try tenant.displayName("p\(writer)") == "24") }
        await tenants.close()
    }

    @Test func `old ones are removed by count and age, by our pattern only, never the newest`() async throws {
        let tenants = try BackupTenants()
        let place = tenants.data.path + "/tenants/default/backups"
        _ = try await tenants.tenant()
        await Shell.run(
            "mkdir -m 700 -p '\(place)'; cd '\(place)'; for n in 1 2 3; do echo x > profiles.db.bak.2020010$n-000000; done"
        )
        await Shell.run(
            "cd '\(place)'; touch profiles.db.bak.mine profiles.db.bak.20200101-000000.keep other profiles.db.bak.2020010-000000"
        )
        let all = BackupRequest(retention: BackupRetention(keep: 10))
        #expect(try await tenants.service.backUp(.default, all).pruned == [])
        let two = BackupRequest(retention: BackupRetention(keep: 3))
        #expect(
            try await tenants.service.backUp(.default, two).pruned == [
                "profiles.db.bak.20200102-000000", "profiles.db.bak.20200101-000000",
            ])
        let day = BackupRequest(retention: BackupRetention(maximumAge: .seconds(86_400)))
        #expect(try await tenants.service.backUp(.default, day).pruned == ["profiles.db.bak.20200103-000000"])
        #expect(
            await Shell.run("ls '\(place)' | grep -v json | grep -vc '^profiles.db.bak.20[0-9]*-[0-9-]*$'") == "3")
        let one = BackupRequest(retention: BackupRetention(keep: 1, maximumAge: .seconds(0)))
        _ = try await tenants.service.backUp(.default, one)
        #expect(try await tenants.service.list(.default).count == 1)
        #expect(await Shell.run("ls '\(place)'/*.json | wc -l") == "1")
        await tenants.close()
    }

    @Test func `a backup never removes itself for one that claims a time still to come`() async throws {
        let tenants = try BackupTenants()
        let place = tenants.data.path + "/tenants/default/backups"
        let names = ["profiles.db.bak.20990101-000000", "profiles.db.bak.20990102-000000"]
        _ = try await tenants.tenant()
        await Shell.run(
            "mkdir -m 700 -p '\(place)'; cd '\(place)'; for n in \(names.joined(separator: " ")); do echo x > $n; done")
        let three = BackupRequest(retention: BackupRetention(keep: 3, maximumAge: .seconds(60)))
        let first = try await tenants.service.backUp(.default, three)
        #expect(first.pruned == [])
        let second = try await tenants.service.backUp(.default, three)
        #expect(second.pruned == [names[0]], "not the one whose age is known")
        let one = try await tenants.service.backUp(.default, BackupRequest(retention: BackupRetention(keep: 1)))
        #expect(Set(one.pruned) == [names[1], first.files[0].fileName, second.files[0].fileName])
        #expect(try await tenants.service.list(.default).map(\.fileName) == [one.files[0].fileName])
        await tenants.close()
    }

    @Test func `backups of the control database asked for at once are all made, one after the other`() async throws {
        let tenants = try BackupTenants()
        let name = tenants.data.path + "/control.db"
        await Shell.run(
            "sqlite3 '\(name)' 'CREATE TABLE t(a); INSERT INTO t VALUES (randomblob(8000000))'; chmod 600 '\(name)'")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let file = try await tenants.service.backUpControl()
                    #expect(file?.manifest != nil)
                }
            }
            try await group.waitForAll()
        }
        let listed = try await tenants.service.listControl()
        #expect(listed.count == 6 && Set(listed.map(\.fileName)).count == 6)
        for file in listed { #expect(file.manifest?.sha256 == (try FileSystem.digest(of: file.path).sha256)) }
        #expect(await tenants.leftovers() == "")
        await tenants.close()
    }

    @Test func `a full disk leaves no half backup and the old ones`() async throws {
        let tenants = try BackupTenants()
        let kept = try await tenants.service.backUp(.default).files
        do {
            let fault = DiskFault(.write, under: tenants.data.path + "/tenants/default/backups", error: ENOSPC)
            await #expect(throws: RegistryError.self) {
                try await tenants.service.backUp(.default, BackupRequest(retention: BackupRetention(keep: 1)))
            }
            fault.end()
        }
        #expect(try await tenants.service.list(.default).map(\.fileName) == kept.map(\.fileName))
        #expect(await tenants.leftovers() == "")
        try await tenants.tenant().patch("default", #"{"display_name":"goes on"}"#, tenants.context)
        await tenants.close()
    }

    @Test(arguments: 0..<6)
    func `a failing fsync at any point leaves no backup that is not on the disk`(skip: Int) async throws {
        let tenants = try BackupTenants()
        let place = tenants.data.path + "/tenants/default/backups"
        var failed = false
        do {
            let fault = DiskFault(.sync, under: place, error: EIO, skip: skip, count: 1)
            do { _ = try await tenants.service.backUp(.default) } catch { failed = true }
            fault.end()
        }
        let listed = try await tenants.service.list(.default)
        for file in listed {
            #expect(file.manifest?.sha256 == (try FileSystem.digest(of: file.path).sha256))
        }
        if !failed { #expect(listed.count == 1) }
        #expect(try await tenants.service.backUp(.default).files.count == 1)
        #expect(await tenants.leftovers() == "")
        await tenants.close()
    }

    @Test func `what a killed run left is cleaned by the next, and nothing else`() async throws {
        let tenants = try BackupTenants()
        let place = tenants.data.path + "/tenants/default/backups"
        await Shell.run(
            "mkdir -m 700 -p '\(place)'; cd '\(place)' && touch profiles.db.bak.20200101-000000.part mine.part")
        await Shell.run(
            "cd '\(place)' && touch profiles.db.bak.20200102-000000.json profiles.db.bak.20200101-000000.json.part")
        _ = try await tenants.service.backUp(.default)
        #expect(await Shell.run("ls '\(place)' | grep -E 'bak[.]2020|mine'") == "mine.part")
        await tenants.close()
    }

    @Test func `a damaged row is not backed up as if it were well`() async throws {
        let tenants = try BackupTenants()
        _ = try await tenants.tenant()
        await tenants.shell("UPDATE profiles SET document_json = '{' WHERE slug = 'agent'")
        let error = await #expect(throws: RegistryError.self) { try await tenants.service.backUp(.default) }
        guard case .backupFailed(let reason) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(reason.contains("table profiles, row default/agent, column document_json"))
        #expect(try await tenants.service.list(.default).isEmpty)
        await tenants.close()
    }

    @Test func `another directory gets one of the tenant's own, and a file elsewhere is backed up beside itself`()
        async throws
    {
        let scratch = try ScratchDirectory()
        let slug = try #require(TenantSlug("default"))
        let tenants = try BackupTenants(in: scratch) { configuration in
            configuration.elsewhere[slug] = (RegistryFile(path: scratch.path + "/mine/my.db"), ConnectionOptions())
        }
        let beside = try #require(try await tenants.service.backUp(.default).files.first)
        #expect(beside.path.hasPrefix(scratch.path + "/mine/my.db.bak."))
        let away = try #require(
            try await tenants.service.backUp(.default, BackupRequest(directory: scratch.path + "/away")).files.first)
        #expect(away.path.hasPrefix(scratch.path + "/away/default/my.db.bak."))
        await tenants.close()
    }

    @Test func `on another file system the copy is read back before it gets its name`() async throws {
        guard let far = FarDirectory() else { return }
        let tenants = try BackupTenants()
        let file = try #require(
            try await tenants.service.backUp(.default, BackupRequest(directory: far.path)).files.first)
        #expect(file.path.hasPrefix(far.path + "/default/"))
        #expect(file.manifest?.sha256 == (try FileSystem.digest(of: file.path).sha256))
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -c copying") == "0")
        await tenants.close()
    }

    @Test func `conversations and the control database are backed up when they exist`() async throws {
        let tenants = try BackupTenants()
        _ = try await tenants.tenant()
        #expect(try await tenants.service.backUpControl() == nil)
        for name in ["tenants/default/conversations.db", "control.db"] {
            await Shell.run(
                "cd '\(tenants.data.path)' && sqlite3 \(name) 'PRAGMA journal_mode=wal; CREATE TABLE t(a); INSERT INTO t VALUES (1),(2)' && chmod 600 \(name)"
            )
        }
        let files = try await tenants.service.backUp(.default).files
        #expect(files.map { $0.name.base } == ["profiles.db", "conversations.db"])
        #expect(files.last?.manifest?.content.rows.first?.count == 2)
        let control = try #require(try await tenants.service.backUpControl())
        #expect(control.path.hasPrefix(tenants.data.path + "/backups/control.db.bak."))
        #expect(
            try await Set(tenants.service.list(.default).map { $0.name.base }) == ["profiles.db", "conversations.db"])
        // A restore is of registry files only, and says so of any other.
        for source in [RestoreSource.name(files[1].fileName), .path(control.path)] {
            let error = try await #require(throws: RegistryError.self) {
                try await tenants.service.restore(.default, from: source, context: tenants.context)
            }
            guard case .backupInvalid(let reason) = error else {
                Issue.record("\(error)")
                continue
            }
            #expect(reason.contains("puts back registry files only") && reason.contains("stop the gateway"))
        }
        await tenants.close()
    }

    @Test func `a file replaced under a running copy is copied again, and stays whole`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let pass = try await tenant.beginCopy()
        #expect(tenant.copies.open(pass))
        let ended = Task {
            while !pass.isInterrupted { try? await Task.sleep(for: .milliseconds(2)) }
            tenant.endCopy(pass)
        }
        await Shell.run(
            "cp '\(tenants.path())' '\(tenants.path()).x' && cat '\(tenants.path()).x' > '\(tenants.path())'")
        await ended.value
        #expect(await eventually { (try? tenant.current()) != nil })
        #expect(try await tenants.service.backUp(.default).files.count == 1)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.close()
    }

    @Test func `stopping gives up what runs and leaves nothing half made`() async throws {
        let tenants = try BackupTenants()
        let tenant = try await tenants.tenant()
        let filler = String(repeating: "x", count: 200_000)
        for number in 0..<40 {
            try await tenant.create(#"{"slug":"p\#(number)","description":"\#(filler)"}"#, tenants.context)
        }
        let running = Task { try await tenants.service.backUp(.default) }
        try await Task.sleep(for: .milliseconds(5))
        await tenants.close()
        _ = try? await running.value
        #expect(await tenants.leftovers() == "")
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -cE 'wal|shm'") == "0")
    }

    @Test(arguments: [
        ("profiles.db.bak.20260223-220000", true), ("profiles.db.bak.20260223-220000-2", true),
        ("profiles.db.bak.20260223-220000-0", false), ("profiles.db.bak.20260223-220000-02", false),
        ("profiles.db.bak.20260223-22000", false), ("profiles.db.bak.mine", false),
        ("profiles.db.bak.20260223-220000.part", false), ("other.db.bak.20260223-220000", false),
        ("profiles.db.bak.20260223-220000-999999", true), ("profiles.db.bak.20260223-220000-1000000", false),
        ("profiles.db.bak.20260223-220000-9223372036854775807", false),
        ("profiles.db.bak.20260223_220000", false), ("profiles.db", false),
    ])
    func `a backup is known by its name alone`(_ name: String, _ isOne: Bool) {
        let parsed = BackupName(name, of: "profiles.db")
        #expect((parsed != nil) == isOne)
        if let parsed { #expect(parsed.text == name) }
    }

    @Test func `neither a number nor a time that nobody gave ends the process`() async throws {
        let now: Int64 = 1_771_884_000_500
        let tenants = try BackupTenants(clock: now)
        let file = try #require(try await tenants.service.backUp(.default).files.first)
        let manifest = try #require(file.manifest)
        for (time, isOne) in [(Int64.min, false), (-1, false), (0, true), (1 << 53, true), (1 << 53 + 1, false)] {
            var other = manifest
            other.createdAtMs = time
            #expect((BackupManifest(parsing: Array(other.document().encoded())) != nil) == isOne, "\(time)")
        }
        let stamp = BackupName.timestamp(ms: now)
        await Shell.run(
            "cd '\(FileSystem.parentDirectory(file.path))' && touch -d 2400-01-01 profiles.db.bak.\(stamp)-9223372036854775807 profiles.db.bak.20269923-220000"
        )
        #expect(try await tenants.service.backUp(.default).files.map(\.fileName) == ["profiles.db.bak.\(stamp)-1"])
        await Shell.run("touch '\(FileSystem.parentDirectory(file.path))/profiles.db.bak.\(stamp)-999999'")
        let error = await #expect(throws: RegistryError.self) { try await tenants.service.backUp(.default) }
        #expect(error?.message.contains("there is no free name for a backup") == true)
        #expect(try await tenants.service.verify(.default).checks.contains { $0.id == "backups.age" })
        await tenants.close()
    }

    @Test func `a name tells its time`() {
        let name = BackupName(of: "a", ms: 1_771_884_000_000)
        #expect(name.timeMs == 1_771_884_000_000)
        #expect(BackupName("a.bak.20269923-220000", of: "a")?.timeMs == nil)
    }
}
