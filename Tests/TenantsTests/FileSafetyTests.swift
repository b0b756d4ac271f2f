import GatewayTestSupport
import Glibc
import Profiles
import SQLite
import Testing

@testable import Tenants

/// Which files and directories are trusted, and what is made of strange ones.
struct FileSafetyTests {
    @Test func `directories are 0700 and files 0600, whatever the umask`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        let modes = await Shell.run("cd '\(tenants.scratch.path)' && find data -printf '%m %y\\n' | sort -u")
        #expect(modes == "600 f\n700 d")
        await tenants.directory.close()
    }

    @Test func `a second process on the data directory is told the owner's pid and URL`() async throws {
        let tenants = try TestTenants()
        try tenants.directory.publish(.init(pid: getpid(), url: "http://127.0.0.1:8080", token: "t"))
        #expect(
            throws: RegistryError.inUseByProcess(
                path: tenants.data.path + "/lock", pid: getpid(), url: "http://127.0.0.1:8080")
        ) { try DataDirectory(creating: tenants.data.path, owner: .init(pid: 1)) }
        let owner = OwnershipLock.owner(of: tenants.data.path + "/lock")
        #expect(try OwnershipLock.holder(of: DataDirectory.lockPath(in: tenants.data.path)) == .process(owner))
        #expect(owner?.token == "t")
        await tenants.directory.close()
    }

    @Test(arguments: [
        ("ln -s ../../elsewhere data/tenants/default", "is a symbolic link"),
        (
            "mkdir data/tenants/default; chmod 777 data/tenants/default",
            "can be written by group or others; run: chmod go-w"
        ),
        ("mkdir -m 0700 data/tenants/default; touch x; ln -s $PWD/x data/tenants/default/profiles.db", "symbolic link"),
        (
            "mkdir -m 0700 data/tenants/default; touch data/tenants/default/profiles.db; chmod 666 data/tenants/*/*.db",
            "can be written by group or others; run: chmod go-w"
        ),
        ("touch data/tenants/default", "is not a directory"),
        ("mkdir -p -m 0700 data/tenants/default/profiles.db; chmod 700 data/tenants/default", "is not a file"),
    ])
    func `what others can write or redirect is refused with a clear error until it is put right`(
        _ spoil: String, _ reason: String
    ) async throws {
        let tenants = try TestTenants(configured: ["default", "other"])
        await Shell.run("cd '\(tenants.scratch.path)' && mkdir elsewhere && \(spoil)")
        let tenant = try await tenants.tenant()
        guard case .quarantined(let error) = tenant.state, case .unsafePath = error else {
            Issue.record("unexpected: \(tenant.state)")
            return
        }
        #expect(error.message.contains(reason))
        #expect(throws: error) { try tenant.current() }
        await #expect(throws: error) { try await tenant.create(#"{"slug":"x"}"#, tenants.context) }
        #expect(try await tenants.tenant("other").current().usableRegistry(.default).count == 2)
        // A directory without a file in it, as before the first start, or an empty file of the right mode.
        await Shell.run(
            "cd '\(tenants.data.path)/tenants' && if [ -L default ] || [ -f default ]; then rm default; "
                + "else chmod 700 default; rm -rf default/profiles.db; fi")
        #expect(await eventually { tenant.state == .serving })
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        await tenants.directory.close()
    }

    @Test func `a data directory that others can write is refused`() async throws {
        let scratch = try ScratchDirectory()
        await Shell.run("mkdir -m 0775 '\(scratch.path)/data'; chmod 0775 '\(scratch.path)/data'")
        #expect(throws: RegistryError.self) {
            try DataDirectory(creating: scratch.path + "/data", owner: TestTenants.owner)
        }
    }

    @Test(arguments: [
        ("sqlite3 F 'PRAGMA user_version = 99'", "schema version 99"),
        ("sqlite3 F 'PRAGMA application_id = 7'", "belongs to another application"),
        ("head -c 20000 /dev/urandom > F", "is damaged"),
        ("dd if=/dev/zero of=F bs=4096 seek=1 count=40 conv=notrunc", "damaged"),
        (": > F", "is empty but held data before"),
        ("truncate -s 9000 F", "damaged"),
    ])
    func `a file that cannot be used sets its tenant aside alone, and comes back when repaired`(
        _ spoil: String, _ reason: String
    ) async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            let tenant = try await tenants.tenant()
            try await tenant.create(#"{"slug":"kept"}"#, tenants.context)
            await tenants.directory.close()
        }
        let tenants = try TestTenants(in: scratch, configured: ["default", "other"])
        let file = tenants.path()
        await Shell.run("cp '\(file)' '\(file).good'; " + spoil.replacing("F", with: "'\(file)'"))
        let tenant = try await tenants.tenant()
        guard case .quarantined(let error) = tenant.state else {
            Issue.record("the tenant serves")
            return
        }
        #expect(error.message.contains(reason))
        #expect(throws: error) { try tenant.current() }
        await #expect(throws: error) { try await tenant.create(#"{"slug":"x"}"#, tenants.context) }
        #expect(try await tenants.tenant("other").current().usableRegistry(.default).count == 2)
        await Shell.run("chmod 600 '\(file).good'; mv '\(file).good' '\(file)'")
        #expect(await eventually { tenant.state == .serving })
        #expect(try tenant.entry("kept").version == 1)
        await tenants.directory.close()
    }

    @Test func `a database made by something else gets our tables and the built-in profiles beside its own`()
        async throws
    {
        let tenants = try TestTenants()
        await Shell.run("mkdir -m 0700 '\(tenants.data.path)/tenants/default'")
        await tenants.shell("CREATE TABLE mine (a); INSERT INTO mine VALUES (7)")
        let tenant = try await tenants.tenant()
        #expect(try tenant.current().usableRegistry(.default).count == 2)
        #expect(await tenants.shell("SELECT a FROM mine") == "7")
        await tenants.directory.close()
    }

    @Test func `a file of the origin is taken over, after a backup beside it`() async throws {
        let tenants = try TestTenants()
        await Shell.run("mkdir -m 0700 '\(tenants.data.path)/tenants/default'")
        await tenants.shell(
            """
            CREATE TABLE IF NOT EXISTS profile_registries (slug TEXT PRIMARY KEY, payload_json TEXT NOT NULL, \
            updated_at_ms INTEGER NOT NULL DEFAULT 0); INSERT INTO profile_registries VALUES ('default', \
            '{\\"slug\\":\\"default\\",\\"default_profile_slug\\":\\"a\\",\\"profiles\\":{\\"a\\":{\\"slug\\":\\"a\\",\
            \\"runtime\\":{\\"tools\\":[]},\\"policy\\":{\\"allow_overrides\\":false,\\"read_only\\":false},\
            \\"metadata\\":{\\"version\\":4}},\\"b\\":{\\"slug\\":\\"b\\",\\"runtime\\":{},\\"policy\\":{},\
            \\"metadata\\":{}}},\\"metadata\\":{\\"version\\":9}}', 5)
            """)
        let tenant = try await tenants.tenant()
        let registry = try tenant.current().usableRegistry(.default)
        #expect(registry.slugs.map(\.rawValue) == ["a", "b"])
        #expect(registry.profiles.map(\.version) == [4, 1])
        #expect(registry.registry.metadata.version == 9)
        #expect(registry.defaultProfile?.slug.rawValue == "a")
        // In the origin an empty list of tools meant no restriction.
        #expect(try tenant.entry("a").profile().runtime.tools.value == nil)
        let backup = await Shell.run("ls '\(tenants.data.path)'/tenants/default/profiles.db.bak.*")
        #expect(
            await Shell.run(
                "sqlite3 '\(backup)' \"SELECT json_extract(payload_json, '$.profiles.a.slug'), updated_at_ms "
                    + "FROM profile_registries\"") == "a|5")
        #expect(await Shell.run("stat -c %a '\(backup)'") == "600")
        await tenants.directory.close()
    }

    @Test func `a registry file elsewhere is guarded by a lock beside it, its directory made`() async throws {
        let scratch = try ScratchDirectory()
        let place = RegistryFile(path: scratch.path + "/new/place/my%41#.db")
        let slug = try #require(TenantSlug("default"))
        let tenants = try TestTenants(in: scratch) { $0.elsewhere = [slug: (place, ConnectionOptions())] }
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        #expect(FileStatus(place.path)?.permissions == 0o600)
        #expect(await Shell.run("stat -c %a '\(scratch.path)/new'") == "700")
        #expect(throws: RegistryError.inUseByProcess(path: place.lockPath, pid: getpid(), url: nil)) {
            try OwnershipLock(path: place.lockPath, owner: .init(pid: 1))
        }
        await tenants.directory.close()
    }

    // `off` is not among them: DEFENSIVE forbids it.
    @Test(arguments: ConnectionOptions.JournalMode.allCases.filter { $0 != .off })
    func `every journal mode of a DSN serves and notices the shell`(mode: ConnectionOptions.JournalMode) async throws {
        var options = ConnectionOptions()
        options.journalMode = mode
        let slug = try #require(TenantSlug("default"))
        let scratch = try ScratchDirectory()
        let place = RegistryFile(path: scratch.path + "/p.db")
        let tenants = try TestTenants(in: scratch) { $0.elsewhere = [slug: (place, options)] }
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        await Shell.run(
            "sqlite3 -cmd '.timeout 2000' '\(place.path)' \"UPDATE profiles SET document_json = "
                + "json_set(document_json, '$.display_name', 'o') WHERE slug = 'x'\"")
        #expect(try await eventually { try tenant.displayName("x") == "o" })
        try await tenant.patch("x", #"{"display_name":"p"}"#, tenants.context)
        #expect(
            await Shell.run("sqlite3 '\(place.path)' 'PRAGMA integrity_check; SELECT count(*) FROM profiles'")
                == "ok\n3")
        await tenants.directory.close()
    }

    @Test func `a read-only database serves, and refuses writes saying so`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            _ = try await tenants.tenant()
            await tenants.directory.close()
        }
        var options = ConnectionOptions()
        options.access = .readOnly
        let slug = try #require(TenantSlug("default"))
        let tenants = try TestTenants(in: scratch) { configuration in
            configuration.elsewhere = [slug: (configuration.data.registry(slug), options)]
        }
        let tenant = try await tenants.tenant()
        #expect(try tenant.entry("agent").version == 1)
        await #expect(throws: RegistryError.readOnly(tenants.path(), "it was opened read-only")) {
            try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        }
        await tenants.directory.close()
    }
}
