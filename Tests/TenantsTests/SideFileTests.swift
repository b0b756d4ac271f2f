import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Testing

@testable import Tenants

/// What is found beside a file at start: after a crash, a restore, or both (gateway.md §6).
struct SideFileTests {
    @Test(arguments: [true, false])
    func `after a crash the log is replayed, with its record or without any`(hasRecord: Bool) async throws {
        let file = try await CrashedFile(writing: "late")
        if !hasRecord { await Shell.run("rm '\(file.path).state'") }
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
        #expect(await file.foreignFiles == 0)
    }

    @Test(arguments: [StateRecord.Phase.clean, .checkpoint])
    func `a device number that changed at a reboot says nothing: the log is replayed`(phase: StateRecord.Phase)
        async throws
    {
        let file = try await CrashedFile(writing: "late")
        let place = RegistryFile(path: file.path)
        var record = try #require(try StateRecord.read(place))
        let device = record.identity.device
        record.identity.device &+= 1
        record.phase = phase
        try record.write(place)
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
        #expect(await file.foreignFiles == 0)
        #expect(try StateRecord.read(place)?.identity.device == device)
    }

    @Test func `while a process knows the file, the same numbers on another device are another file`() async throws {
        let file = try await CrashedFile(writing: "late")
        let place = RegistryFile(path: file.path)
        let before = try file.epoch()
        let store = file.makeStore()
        try store.open()
        try #require(store.content.epoch == before)
        let here = try #require(FileIdentity.of(file.path))
        // As if the file of this process had lain elsewhere under the same numbers until now.
        try StateRecord(phase: .clean, identity: here.on(device: here.device &+ 1)).write(place)
        store.mainIdentity = here.on(device: here.device &+ 1)
        try store.takeInChanges()
        #expect(store.content.epoch != before)
        store.drop()
    }

    @Test func `a copy of a file with half a checkpoint in it is not served without its log`() async throws {
        let file = try await CrashedFile(writing: "late")
        let identity = try #require(FileIdentity.of(file.path))
        try StateRecord(phase: .checkpoint, identity: identity).write(RegistryFile(path: file.path))
        // An index that knows nothing of a row, as half a checkpoint leaves one; `quick_check` does not see it.
        let shell = "sqlite3 '\(file.backup)'"
        await Shell.run(
            "\(shell) 'CREATE TABLE w (a); CREATE INDEX i ON w (a); CREATE TABLE kept AS SELECT * FROM sqlite_schema "
                + "WHERE name = \"i\"; PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = \"i\"'; "
                + "\(shell) 'INSERT INTO w VALUES (1)'; "
                + "\(shell) 'PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept'")
        try #require(await Shell.run("\(shell) 'PRAGMA quick_check'") == "ok")
        await Shell.run("mv '\(file.backup)' '\(file.path)'")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        #expect(error?.message.contains("is damaged without the log beside it") == true, "\(error?.message ?? "")")
        #expect(await file.foreignFiles == 0)
        #expect(FileStatus(file.path + "-wal") != nil)
    }

    @Test func `a sound file put in place after a checkpoint that did not end is served, the old log kept aside`()
        async throws
    {
        let file = try await CrashedFile(writing: "late")
        let identity = try #require(FileIdentity.of(file.path))
        try StateRecord(phase: .checkpoint, identity: identity).write(RegistryFile(path: file.path))
        await Shell.run("mv '\(file.backup)' '\(file.path)'")
        #expect(try file.reopened() == ["agent", "default", "early"])
        #expect(await file.foreignFiles > 0)
    }

    @Test func `after a crash and a restore by cp the backup is served, and the old log kept aside`() async throws {
        let file = try await CrashedFile(writing: "late")
        await Shell.run("cp '\(file.backup)' '\(file.path)'")
        #expect(try file.reopened() == ["agent", "default", "early"])
        #expect(await file.foreignFiles > 0)
        #expect(try file.reopened() == ["agent", "default", "early"])
    }

    @Test func `after a crash and a restore by mv the backup is served, and the old log kept aside`() async throws {
        let file = try await CrashedFile(writing: "late")
        await Shell.run("mv '\(file.backup)' '\(file.path)'")
        #expect(try file.reopened() == ["agent", "default", "early"])
        #expect(await file.foreignFiles > 0)
    }

    @Test func `a restore changes the epoch, a plain restart does not`() async throws {
        let file = try await CrashedFile(writing: "late")
        let first = try file.epoch()
        #expect(try file.epoch() == first)
        await Shell.run("cp '\(file.backup)' '\(file.path)'")
        #expect(try file.epoch() != first)
    }

    @Test func `a crash inside a checkpoint is replayed on a copy, then adopted`() async throws {
        let file = try await CrashedFile(writing: "late")
        let identity = try #require(FileIdentity.of(file.path))
        try StateRecord(phase: .checkpoint, identity: identity).write(RegistryFile(path: file.path))
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
        #expect(await Shell.run("ls '\(file.directory)' | grep -c replay") == "0")
    }

    @Test func `a crash inside a checkpoint of what does not fit together is set aside with all it has`() async throws {
        let file = try await CrashedFile(writing: "late")
        let identity = try #require(FileIdentity.of(file.path))
        try StateRecord(phase: .checkpoint, identity: identity).write(RegistryFile(path: file.path))
        await Shell.run(
            "head -c 8192 /dev/urandom | dd of='\(file.path)' bs=1 seek=4096 conv=notrunc; : > '\(file.path)-wal.x'")
        await Shell.run("head -c 40000 /dev/urandom | dd of='\(file.path)' bs=4096 seek=1 conv=notrunc")
        await Shell.run("truncate -s 33 '\(file.path)-wal'")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        guard case .quarantined(let reason) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(reason.contains("do not fit together"))
        #expect(FileStatus(file.path + "-wal") != nil)
    }

    @Test func `when only the change time differs nobody can know: both ways out are offered and work`() async throws {
        let file = try await CrashedFile(writing: "late")
        try await Task.sleep(for: .milliseconds(20))
        await Shell.run("chmod 640 '\(file.path)'; chmod 600 '\(file.path)'")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        guard case .quarantined(let reason) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(reason.contains("rm '\(file.path).state'") && reason.contains("mv '\(file.path)-wal'"))
        await Shell.run("rm '\(file.path).state'")
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
    }

    @Test func `a file that is missing although it held data is not made anew`() async throws {
        let file = try await CrashedFile(writing: "late")
        await Shell.run("mv '\(file.path)' '\(file.path).x'")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        #expect(error?.message.contains("is missing but held data before; restore a backup") == true)
        #expect(FileStatus(file.path) == nil && FileStatus(file.path + "-wal") != nil)
        await Shell.run("mv '\(file.path).x' '\(file.path)'; rm '\(file.path).state'")
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
    }

    @Test(arguments: ["", "backups/"])
    func `a missing file of which there are backups is not made anew either, record or not`(place: String) async throws
    {
        let file = try await CrashedFile(writing: "late")
        let name = "\(file.directory)/\(place)profiles.db.bak.20260223-220000"
        await Shell.run("mkdir -p -m 700 '\(file.directory)/backups'; cp '\(file.path)' '\(name)'")
        await Shell.run("cd '\(file.directory)' && rm profiles.db profiles.db-* profiles.db.state")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        #expect(error?.message.contains("there are backups of it, such as \(name)") == true, "\(error?.message ?? "")")
        #expect(FileStatus(file.path) == nil)
        await Shell.run("mv '\(name)' '\(file.directory)/away'")
        #expect(try file.reopened() == ["agent", "default"])
    }

    @Test func `a log without its file and record is kept aside`() async throws {
        let file = try await CrashedFile(writing: "late")
        await Shell.run("rm '\(file.path)' '\(file.path).state'")
        #expect(try file.reopened() == ["agent", "default"])
        #expect(await file.foreignFiles > 0)
    }

    @Test func `a torn record counts as a checkpoint under way`() {
        let record = StateRecord(
            phase: .clean, identity: FileIdentity(device: 1, inode: 2, size: 3, modifiedNs: 4, changedNs: 5))
        let bytes = record.encoded()
        #expect(bytes.count == 256)
        #expect(StateRecord.decode(bytes) == record)
        for position in stride(from: 0, to: 60, by: 7) {
            var torn = bytes
            torn[position] ^= 1
            #expect(StateRecord.decode(torn) == nil)
        }
    }
}

/// A registry file whose process died with a log that was not moved into it yet, and a backup from before.
private final class CrashedFile: LoneRegistryFile {
    let scratch: ScratchDirectory
    var path: String { directory + "/profiles.db" }
    var directory: String { scratch.path + "/tenant" }
    var backup: String { scratch.path + "/backup.db" }

    init(writing slug: String) async throws {
        scratch = try ScratchDirectory()
        let store = makeStore()
        try store.open()
        try store.create("early")
        try #require(try store.checkpoint())
        await Shell.run("cp '\(path)' '\(backup)'; chmod 600 '\(backup)'")
        try await Task.sleep(for: .milliseconds(20))
        try store.create(slug)
        store.drop()
        try #require(FileIdentity.of(path + "-wal")?.size ?? 0 > 0)
    }

    func epoch() throws -> UInt64 {
        let store = makeStore()
        try store.open()
        defer { store.drop() }
        return store.content.epoch
    }

    func makeStore() -> RegistryStore {
        RegistryStore(
            tenant: "t", file: RegistryFile(path: path), options: .init(),
            environment: TestTenants.environment(EventRecorder()))
    }
}
