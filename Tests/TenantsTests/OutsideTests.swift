import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// What other processes do to a tenant's file while it is served (gateway.md §6).
struct OutsideTests {
    @Test(arguments: [false, true])
    func `a row changed by the sqlite3 shell is served within a second as a new version`(isOpen: Bool) async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        if isOpen { try await tenant.patch("agent", #"{"display_name":"ours"}"#, tenants.context) }
        let before = try tenant.entry("default")
        #expect(
            await tenants.shell(
                "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'outside') "
                    + "WHERE slug = 'default'") == "")
        #expect(try await eventually { try tenant.displayName("default") == "outside" })
        // Read first where the shell still holds its lock, and adopted a moment later.
        #expect(try await eventually { try tenant.entry("default").version == 2 })
        let after = try tenant.entry("default")
        #expect(after.etag != before.etag)
        // Guarded by the version before, a write must not undo it.
        await #expect(throws: RegistryError.versionConflict(.profile, "default", expected: 1, actual: 2)) {
            try await tenant.patch("default", #"{"display_name":"x","expected_version":1}"#, tenants.context)
        }
        #expect(
            await tenants.shell(
                "SELECT action, actor FROM profile_history WHERE profile_slug = 'default' AND version = 2")
                == "adopt|sqlite")
        await tenants.directory.close()
    }

    @Test func `a write right after the shell's is made on top of it`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("agent", #"{"display_name":"ours"}"#, tenants.context)
        await tenants.shell(
            "UPDATE profiles SET document_json = json_set(document_json, '$.description', 'outside') "
                + "WHERE slug = 'agent'")
        let entry = try await tenant.patch("agent", #"{"display_name":"after"}"#, tenants.context)
        let profile = try entry.profile()
        #expect(profile.description == "outside" && profile.displayName == "after")
        #expect(entry.version == 4)
        await tenants.directory.close()
    }

    @Test func `a shell's transaction makes writers wait and then busy, without disturbing readers or others`()
        async throws
    {
        let tenants = try TestTenants(configured: ["default", "other"])
        let tenant = try await tenants.tenant()
        let other = try await tenants.tenant("other")
        let shell = try LockingConnection(tenants.path())
        let context = tenants.context(waiting: .milliseconds(200))
        // More waiting writers than the pool has threads.
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    await #expect(throws: RegistryError.busy(retryAfter: 1)) {
                        try await tenant.create(#"{"slug":"w\#(number)"}"#, context)
                    }
                }
            }
            group.addTask {
                // While the lock is held: it is let go only further down.
                await #expect(throws: Never.self) {
                    try await other.create(#"{"slug":"x"}"#, tenants.context)
                }
            }
        }
        #expect(try tenant.displayName("default") == "")
        #expect(try tenant.entry("default").version == 1)
        let waiting = Task { try await tenant.create(#"{"slug":"patient"}"#, tenants.context) }
        try await Task.sleep(for: .milliseconds(100))
        try shell.release()
        _ = try await waiting.value
        #expect(try tenant.entry("patient").version == 1)
        await tenants.directory.close()
    }

    @Test func `a tenant is opened and read while another process holds the write lock`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            _ = try await tenants.tenant()
            await tenants.directory.close()
        }
        let tenants = try TestTenants(in: scratch)
        let shell = try LockingConnection(tenants.path())
        let tenant = try await tenants.tenant()
        #expect(try tenant.entry("default").version == 1)
        try shell.release()
        try await tenant.patch("default", #"{"display_name":"free"}"#, tenants.context)
        await tenants.directory.close()
    }

    @Test(arguments: [false, true])
    func `a file replaced by mv is served within a second, under a new epoch`(afterWrite: Bool) async throws {
        let tenants = try TestTenants(configured: ["default", "source"])
        let source = try await tenants.tenant("source")
        try await source.create(#"{"slug":"from-source"}"#, tenants.context)
        let tenant = try await tenants.tenant()
        let before = try tenant.entry("default")
        await Shell.run(
            "sqlite3 '\(tenants.path("source"))' \".backup '\(tenants.path()).new'\"; chmod 600 '\(tenants.path()).new'"
        )
        if afterWrite { try await tenant.create(#"{"slug":"lost"}"#, tenants.context) }
        await Shell.run("mv '\(tenants.path()).new' '\(tenants.path())'")
        #expect(
            await eventually {
                tenant.snapshot.registry(.default)?.profile(named("from-source")) != nil
            })
        let after = try tenant.entry("default")
        #expect(after.epoch != before.epoch)
        #expect(try tenant.current().registry(.default)?.profile(named("lost")) == nil)
        try await tenant.patch("from-source", #"{"display_name":"goes on"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test func `a write after mv goes into the new file`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await Shell.run(
            "sqlite3 '\(tenants.path())' \".backup '\(tenants.path()).new'\"; chmod 600 '\(tenants.path()).new'")
        try await tenant.create(#"{"slug":"gone"}"#, tenants.context)
        await Shell.run("mv '\(tenants.path()).new' '\(tenants.path())'")
        try await tenant.create(#"{"slug":"there"}"#, tenants.context)
        #expect(await tenants.shell("SELECT group_concat(slug) FROM profiles") == "agent,default,there")
        #expect(try tenant.current().registry(.default)?.profile(named("gone")) == nil)
        await tenants.directory.close()
    }

    @Test(arguments: [
        ("chmod 664 F.new; mv F.new F", "can be written by group or others; run: chmod go-w", "chmod 600 F"),
        ("ln -sf $PWD/F.new F", "is a symbolic link", "mv F.new F"),
        ("mv F F.old; mkdir F", "is not a file", "rmdir F; mv F.new F"),
    ])
    func `a file replaced by one that is not safe sets its tenant aside until it is, and is kept`(
        _ spoil: String, _ reason: String, _ repair: String
    ) async throws {
        let tenants = try TestTenants(configured: ["default", "other"])
        let (tenant, other) = (try await tenants.tenant(), try await tenants.tenant("other"))
        try await tenant.create(#"{"slug":"early"}"#, tenants.context)
        let file = tenants.path()
        await tenants.shell(".backup '\(file).new'")
        await Shell.run("chmod 600 '\(file).new'")
        try await tenant.create(#"{"slug":"late"}"#, tenants.context)
        let directory = FileSystem.parentDirectory(file)
        let inPlace = { (line: String) in "cd '\(directory)' && " + line.replacing("F", with: "profiles.db") }
        await Shell.run(inPlace(spoil))
        #expect(await eventually { tenant.state != .serving })
        #expect(throws: RegistryError.self) { try tenant.current() }
        guard case .quarantined(let error) = tenant.state, case .unsafePath = error else {
            Issue.record("unexpected: \(tenant.state)")
            return
        }
        #expect(error.message.contains(reason))
        await #expect(throws: error) { try await tenant.create(#"{"slug":"x"}"#, tenants.context) }
        #expect(try other.current().usableRegistry(.default).count == 2)
        // However long it stays so, the way back is short.
        try await Task.sleep(for: .milliseconds(3500))
        await Shell.run(inPlace(repair))
        #expect(await eventually { tenant.state == .serving })
        #expect(try tenant.current().registry(.default)?.slugs.map(\.rawValue) == ["agent", "default", "early"])
        try await tenant.create(#"{"slug":"after"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test(arguments: [false, true])
    func `a file overwritten in place by cp is served or set aside, and its log kept`(afterWrite: Bool) async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"early"}"#, tenants.context)
        #expect(await eventually { FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 == 0 })
        await Shell.run("cp '\(tenants.path())' '\(tenants.path()).bak'")
        try await tenant.create(#"{"slug":"middle"}"#, tenants.context)
        #expect(await eventually { FileIdentity.of(tenants.path() + "-wal")?.size ?? 0 == 0 })
        if afterWrite { try await tenant.create(#"{"slug":"late"}"#, tenants.context) }
        await Shell.run("cp '\(tenants.path()).bak' '\(tenants.path())'")
        #expect(
            await eventually {
                tenant.state == .serving && tenant.snapshot.registry(.default)?.profile(named("middle")) == nil
            })
        #expect(tenant.snapshot.registry(.default)?.profile(named("early")) != nil)
        #expect(tenant.snapshot.registry(.default)?.profile(named("late")) == nil)
        try await tenant.create(#"{"slug":"after"}"#, tenants.context)
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test func `a plain cp within a second after a write holds it`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"saved"}"#, tenants.context)
        try await Task.sleep(for: .milliseconds(950))
        await Shell.run("cp '\(tenants.path())' '\(tenants.scratch.path)/copy.db'")
        #expect(await Shell.run("sqlite3 '\(tenants.scratch.path)/copy.db' \"SELECT count(*) FROM profiles\"") == "3")
        await tenants.directory.close()
    }

    @Test func `a dropped table sets the tenant aside naming it, and the next start brings it back`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            let tenant = try await tenants.tenant()
            try await tenant.create(#"{"slug":"kept"}"#, tenants.context)
            await tenants.shell("DROP TABLE profile_registries")
            #expect(await eventually { tenant.state != .serving })
            guard case .quarantined(let error) = tenant.state else { return }
            #expect(error.message.contains("no such table: profile_registries"))
            await tenants.directory.close()
        }
        let tenants = try TestTenants(in: scratch)
        let tenant = try await tenants.tenant()
        #expect(try tenant.entry("kept").version == 1)
        #expect(try tenant.current().usableRegistry(.default).defaultProfile?.slug == .default)
        await tenants.directory.close()
    }

    @Test func `VACUUM by the shell while clients write loses nothing`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        for number in 0..<10 {
            try await tenant.create(#"{"slug":"v\#(number)"}"#, tenants.context)
            if number % 3 == 0 { await tenants.shell("VACUUM") }
        }
        #expect(try tenant.current().usableRegistry(.default).count == 12)
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "12")
        await tenants.directory.close()
    }

    @Test func `damage in one row makes its registry say where, and nothing else fail`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let create = try CreateRegistryBody(decoding: ["slug": "team"])
        _ = try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
            try transaction.createRegistry(create)
        }
        await tenants.shell("UPDATE profiles SET document_json = '{\\\"slug\\\":\\\"age' WHERE slug = 'agent'")
        #expect(
            await eventually {
                tenant.snapshot.registry(.default).map { $0.state != .ok } ?? false
            })
        do {
            try await tenant.patch("default", #"{"display_name":"x"}"#, tenants.context)
            Issue.record("a registry with a damaged row was changed")
        } catch let error as RegistryError {
            #expect(error.message.contains("table profiles, row default/agent, column document_json"))
        }
        #expect(try tenant.current().usableRegistry(RegistrySlug(normalised: "team")).count == 0)
        #expect(await tenants.shell("SELECT document_json FROM profiles WHERE slug = 'agent'") == #"{"slug":"age"#)
        await tenants.directory.close()
    }

    @Test func `a payload whose slug is another's is damage of that registry alone`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await tenants.shell("UPDATE profile_registries SET payload_json = json_set(payload_json, '$.slug', 'other')")
        #expect(await eventually { tenant.snapshot.registry(.default)?.state != .ok })
        do {
            _ = try tenant.current().usableRegistry(.default)
            Issue.record("the registry is usable")
        } catch {
            #expect(error.message.contains("slug mismatch"))
        }
        await tenants.directory.close()
    }

    @Test func `a whole document pasted into payload_json is taken over after a backup`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await tenants.shell(
            """
            UPDATE profile_registries SET payload_json = json('{\\"slug\\":\\"default\\",\\"default_profile_slug\\":\
            \\"pasted\\",\\"profiles\\":{\\"pasted\\":{\\"slug\\":\\"pasted\\"},\\"agent\\":{\\"slug\\":\\"agent\\"}}}')
            """)
        #expect(
            await eventually {
                tenant.snapshot.registry(.default)?.slugs.map(\.rawValue) == ["agent", "pasted"]
            })
        #expect(try tenant.entry("pasted").isDefault)
        #expect(try tenant.entry("agent").version == 2)
        #expect(await Shell.run("ls '\(tenants.data.path)/tenants/default' | grep -c 'profiles.db.bak.'") == "1")
        #expect(
            await tenants.shell(
                "SELECT json_extract(payload_json, '$.profiles.pasted.slug') FROM profile_registry_documents")
                == "pasted")
        await tenants.directory.close()
    }
}

/// Another process's write transaction: the `sqlite3` shell, holding the lock until told to let go.
final class LockingConnection {
    private let descriptors: (input: Int32, output: Int32)
    private let process: pid_t

    init(_ path: String, lock: String = "IMMEDIATE") throws {
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        pipe(&input)
        pipe(&output)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_addclose(&actions, input[1])
        posix_spawn_file_actions_addclose(&actions, output[0])
        var child = pid_t()
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sqlite3"), strdup(path), nil]
        let code = posix_spawnp(&child, "sqlite3", &actions, nil, arguments, environ)
        try #require(code == 0)
        close(input[0])
        close(output[1])
        (descriptors, process) = ((input[1], output[0]), child)
        // Without patience it could fail beside a transaction of ours, and nothing would ever be printed.
        try send(".timeout 5000\nBEGIN \(lock); SELECT 'locked';\n")
        var byte = [UInt8](repeating: 0, count: 16)
        try #require(read(descriptors.output, &byte, 16) > 0)
    }

    private func send(_ text: String) throws {
        try #require(write(descriptors.input, text, text.utf8.count) == text.utf8.count)
    }

    /// Ends the transaction and the shell.
    func release() throws {
        try send("COMMIT;\n.quit\n")
        close(descriptors.input)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        close(descriptors.output)
    }
}
