import GatewayTestSupport
import Glibc
import Profiles
import SQLite
import Testing

@testable import Tenants

/// A fixed course of work on one tenant, whose every system call can be made to fail.
struct FaultScenario: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Makes the files and what is open, before the disk fails.
    let prepare: @Sendable () async throws -> FaultRun
    /// The work on the failing disk.
    let work: @Sendable (FaultRun) async throws -> Void

    static let all = [
        firstStart, serving, takeover, crash, crashInCheckpoint, othersChanges, replacement, importing, backup,
    ]

    static let firstStart = FaultScenario(testDescription: "first start") {
        try FaultRun()
    } work: { run in
        await run.open()
        await run.patch("agent", "first")
    }

    static let serving = FaultScenario(testDescription: "serving") {
        let run = try FaultRun()
        await run.open()
        await run.patch("agent", "before")
        return run
    } work: { run in
        await run.patch("default", "alone")
        await run.createTogether(["a", "b", "c", "d", "e"])
        await run.checkpoint()
        await run.patch("default", "after the checkpoint")
        await run.checkpoint()
        await run.closeFiles()
        await run.patch("agent", "reopened")
        await run.look()
    }

    static let takeover = FaultScenario(testDescription: "takeover of an origin file") {
        let run = try FaultRun()
        let directory = FileSystem.parentDirectory(run.tenants.path())
        await Shell.run("mkdir -m 700 '\(directory)'")
        await run.tenants.shell(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE profile_registries (slug TEXT PRIMARY KEY, payload_json TEXT NOT NULL, updated_at_ms INTEGER NOT NULL);
            INSERT INTO profile_registries VALUES ('default', '{\\"slug\\":\\"default\\",\\"default_profile_slug\\":\\"default\\",\
            \\"profiles\\":{\\"default\\":{\\"slug\\":\\"default\\"},\\"old\\":{\\"slug\\":\\"old\\",\\"display_name\\":\\"kept\\"}}}', 1771900000000);
            """)
        await Shell.run("chmod 600 '\(run.tenants.path())'")
        run.expect(["default": "", "old": "kept"])
        return run
    } work: { run in
        await run.open()
        await run.patch("old", "taken over")
    }

    static let crash = FaultScenario(testDescription: "start after a crash") {
        try await crashed()
    } work: { run in
        await run.open()
        await run.patch("agent", "after the crash")
    }

    static let crashInCheckpoint = FaultScenario(testDescription: "start after a crash in a checkpoint") {
        let run = try await crashed()
        let file = RegistryFile(path: run.tenants.path())
        try StateRecord(phase: .checkpoint, identity: try #require(FileIdentity.of(file.path))).write(file)
        return run
    } work: { run in
        await run.open()
        await run.patch("agent", "after the crash")
    }

    static let othersChanges = FaultScenario(testDescription: "changes of others") {
        let run = try FaultRun()
        await run.open()
        await run.patch("agent", "before")
        return run
    } work: { run in
        await rename("agent", to: "outside", run)
        await run.patch("default", "ours")
        await run.closeFiles()
        await rename("agent", to: "outside again", run)
        await run.look()
        await run.patch("default", "ours again")
    }

    static let replacement = FaultScenario(testDescription: "a file moved into place") {
        let run = try FaultRun()
        await run.open()
        await run.patch("agent", "backed up")
        let path = run.tenants.path()
        await Shell.run("sqlite3 '\(path)' \".backup '\(path).new'\"; chmod 600 '\(path).new'")
        await run.patch("agent", "lost")
        return run
    } work: { run in
        await Shell.run("mv '\(run.tenants.path()).new' '\(run.tenants.path())'")
        run.expect(["default": "", "agent": "backed up"])
        // Memory shows the old file until the new one could be read.
        run.mayAlsoBe("agent", "lost")
        await run.look()
        await run.patch("default", "in the new file")
    }

    static let importing = FaultScenario(testDescription: "an import") {
        let run = try FaultRun()
        await run.open()
        await run.patch("agent", "before")
        return run
    } work: { run in
        await run.importTogether(["one", "two", "three", "four"])
        await run.checkpoint()
        await run.patch("agent", "after the import")
    }

    static let backup = FaultScenario(testDescription: "a backup") {
        let run = try FaultRun()
        await run.open()
        await run.patch("agent", "backed up")
        await run.backUp()
        await run.patch("agent", "not yet")
        return run
    } work: { run in
        await run.backUp()
        await run.patch("default", "beside it")
        await run.backUp()
    }

    /// The sqlite3 shell's change, on a disk that works for the shell.
    private static func rename(_ slug: String, to name: String, _ run: FaultRun) async {
        let complaint = await run.tenants.shell(
            "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', '\(name)') "
                + "WHERE slug = '\(slug)'")
        if complaint != "" { run.complain("the shell: \(complaint)") }
        run.mayAlsoBe(slug, name)
    }

    /// A file whose process died with a change in its log.
    private static func crashed() async throws -> FaultRun {
        let scratch = try ScratchDirectory()
        do {
            let before = try TestTenants(in: scratch)
            let tenant = try await before.tenant()
            // No checkpoint moves the change out of the log while it is copied.
            let hold = try await tenant.beginCopy()
            try await tenant.patch("agent", #"{"display_name":"early"}"#, before.context)
            let path = before.path()
            await Shell.run("cd '\(FileSystem.parentDirectory(path))' && mkdir x && cp -p profiles.db* x/")
            tenant.endCopy(hold)
            await before.directory.close()
            await Shell.run("cd '\(FileSystem.parentDirectory(path))' && rm profiles.db* && cp -p x/* . && rm -r x")
        }
        let run = try FaultRun(in: scratch)
        // Copied and so another inode: the record is made to fit, as the dead process had left it.
        let file = RegistryFile(path: run.tenants.path())
        try StateRecord(phase: .clean, identity: try #require(FileIdentity.of(file.path))).write(file)
        run.expect(["default": "", "agent": "early"])
        return run
    }
}
