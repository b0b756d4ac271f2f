import GatewayTestSupport
import Profiles
import SQLite
import Testing

@testable import Tenants

/// A rollback journal that a crash left, and which file it is played back into (gateway.md §6, origin D04).
struct RollbackJournalTests {
    @Test(arguments: [JournalledFile.Moment.beforeWriting, .whileWriting, .afterWriting])
    func `after a crash the journal brings the file back to its last commit`(moment: JournalledFile.Moment) async throws
    {
        let file = try await JournalledFile(moment)
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
        #expect(await file.foreignFiles == 0)
        #expect(await Shell.run("ls '\(file.directory)' | grep -cE 'replay|journal'") == "0")
    }

    @Test(arguments: [JournalledFile.Moment.beforeWriting, .whileWriting, .afterWriting], ["cp", "mv"])
    func `a backup put over the file is served as it is, and the journal kept aside`(
        moment: JournalledFile.Moment, command: String
    ) async throws {
        let file = try await JournalledFile(moment)
        await Shell.run("\(command) '\(file.backup)' '\(file.path)'")
        #expect(try file.reopened() == ["agent", "default", "early"])
        #expect(await file.foreignFiles == 1)
        #expect(await Shell.run("sqlite3 '\(file.path)' 'PRAGMA integrity_check'") == "ok")
    }

    @Test func `a file that is neither sound with nor without its journal is set aside with all it has`() async throws {
        let file = try await JournalledFile(.afterWriting)
        await Shell.run("head -c 20000 /dev/urandom | dd of='\(file.path)' bs=4096 seek=1 conv=notrunc")
        await Shell.run("dd if=/dev/zero of='\(file.path)' bs=1 seek=24 count=4 conv=notrunc")
        let before = await Shell.run("cd '\(file.directory)'; sha256sum p.db p.db-journal")
        let error = #expect(throws: RegistryError.self) { try file.reopened() }
        #expect(error?.message.contains("damaged") == true, "\(error?.message ?? "")")
        #expect(await Shell.run("cd '\(file.directory)'; sha256sum p.db p.db-journal") == before)
    }

    @Test func `what is no journal is kept aside`() async throws {
        let file = try await JournalledFile(.beforeWriting)
        await Shell.run("printf 'no journal' > '\(file.path)-journal'")
        #expect(try file.reopened() == ["agent", "default", "early", "late"])
        #expect(await file.foreignFiles == 1)
    }

    @Test func `a crash while a new file is made leaves nothing that keeps it from being made`() async throws {
        let scratch = try ScratchDirectory()
        let file = JournalledFile(at: scratch)
        let lines = ["BEGIN;", "CREATE TABLE profile_registries (slug);", ".shell cp p.db-journal kept", "COMMIT;"]
        try #require(await file.runShell(lines) == "")
        await Shell.run("chmod 600 '\(file.path)'")
        try await file.putJournalBack()
        #expect(try file.reopened() == ["agent", "default"])
        #expect(await file.foreignFiles == 0)
    }
}

/// A file in rollback-journal mode whose writer died in the middle of a transaction, and a backup from before the last
/// change that was committed.
final class JournalledFile: LoneRegistryFile {
    enum Moment: CaseIterable {
        /// The journal is complete, the file untouched.
        case beforeWriting
        /// Some pages were written to make room in the cache; the first was not.
        case whileWriting
        /// All was written; the journal was to be removed.
        case afterWriting
    }

    let scratch: ScratchDirectory
    var directory: String { scratch.path }
    var path: String { directory + "/p.db" }
    var backup: String { directory + "/good" }

    init(at scratch: ScratchDirectory) { self.scratch = scratch }

    init(_ moment: Moment) async throws {
        scratch = try ScratchDirectory()
        let store = makeStore()
        try store.open()
        try store.create("early")
        await Shell.run("cp '\(path)' '\(backup)'; chmod 600 '\(backup)'")
        try store.create("late")
        store.drop()
        try await Task.sleep(for: .milliseconds(20))
        var lines = ["BEGIN IMMEDIATE;"]
        // Changes rows everywhere, and makes the file larger.
        let change = """
            UPDATE profiles SET document_json = '{}'; UPDATE profile_history SET actor = 'lost'; DELETE FROM profiles
            WHERE slug = 'early';
            """
        let growth = "CREATE TABLE more (a); INSERT INTO more VALUES (zeroblob(90000));"
        switch moment {
        case .beforeWriting: lines += [growth, change, ".shell cp p.db-journal kept", "ROLLBACK;"]
        case .whileWriting:
            lines = ["PRAGMA cache_size = 1;", "PRAGMA cache_spill = 1;"] + lines
            lines += [change, ".shell cp p.db-journal kept; cp p.db half", "ROLLBACK;"]
        case .afterWriting: lines += [growth, change, ".shell cp p.db-journal kept", "COMMIT;"]
        }
        try #require(await runShell(lines) == "")
        await Shell.run("cd '\(directory)'; [ -f half ] && mv half p.db; chmod 600 p.db")
        try await putJournalBack()
        try #require(FileIdentity.of(path + "-journal")?.size ?? 0 > 512)
    }

    /// Runs lines in the `sqlite3` shell on the file, with a copy of its journal to be made as `kept`.
    func runShell(_ lines: [String]) async throws -> String {
        try FileSystem.overwrite(directory + "/lines", with: Array(lines.joined(separator: "\n").utf8))
        return await Shell.run("cd '\(directory)'; (sqlite3 -bail p.db < lines; rm lines)")
    }

    /// Makes the kept journal the file's. A journal's header says what it is, and of how many pages, only when they are
    /// on the disk: as if all were.
    func putJournalBack() async throws {
        await Shell.run(
            "cd '\(directory)'; mv kept p.db-journal; chmod 600 p.db-journal; "
                + "printf '\\331\\325\\005\\371\\040\\241\\143\\327\\377\\377\\377\\377' "
                + "| dd of=p.db-journal bs=1 conv=notrunc")
    }

    func makeStore() -> RegistryStore {
        var options = ConnectionOptions()
        options.journalMode = .delete
        return RegistryStore(
            tenant: "t", file: RegistryFile(path: path), options: options,
            environment: TestTenants.environment(EventRecorder()))
    }
}
