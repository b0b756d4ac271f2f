import GatewayTestSupport
import JSON
import Profiles
import Synchronization
import Testing

@testable import Tenants

struct OperationTests {
    @Test func `a stale version is a conflict in the origin's words, and nothing changes`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.patch("default", #"{"display_name":"Two","expected_version":1}"#, tenants.context)
        do {
            try await tenant.patch("default", #"{"display_name":"Three","expected_version":1}"#, tenants.context)
            Issue.record("the stale patch was accepted")
        } catch let error as RegistryError {
            #expect(error.message == #"profile "default" version conflict: expected=1 actual=2"#)
        }
        #expect(try tenant.displayName("default") == "Two")
        await tenants.directory.close()
    }

    @Test func `steady writing does not let the log grow, and a crash in the middle of it loses nothing`() async throws
    {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        var longest = 0
        for number in 1...600 {
            try await tenant.patch("default", #"{"display_name":"\#(number)"}"#, tenants.context)
            longest = max(longest, Int(FileIdentity.of(tenants.path() + "-wal")?.size ?? 0))
        }
        let page = 4096 + 24
        #expect(longest > RegistryStore.framesOfLongLog * page / 2, "the log never got long: the test shows nothing")
        #expect(longest < (RegistryStore.framesOfLongLog + 100) * page)
        tenant.store.withLock { $0.drop() }
        #expect(await tenants.shell("SELECT max(version) FROM profiles WHERE slug = 'default'") == "601")
        #expect(await tenants.shell("PRAGMA integrity_check") == "ok")
        await tenants.directory.close()
    }

    @Test func `an explicit version 0 guards an update as must not exist`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await #expect(throws: RegistryError.versionConflict(.profile, "default", expected: 0, actual: 1)) {
            try await tenant.patch("default", #"{"display_name":"x","expected_version":0}"#, tenants.context)
        }
        await tenants.directory.close()
    }

    @Test func `entity tags guard by revision, and disagreeing guards are refused`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let tag = try tenant.entry("default").etag
        let context = tenants.context
        try await tenant.patch(
            "default", #"{"display_name":"a"}"#, context, if: Precondition(expectedVersion: 1, ifMatch: tag))
        await #expect(throws: RegistryError.preconditionFailed(.profile, "default", by: .ifMatch, actual: 2)) {
            try await tenant.patch("default", #"{"display_name":"b"}"#, context, if: Precondition(ifMatch: tag))
        }
        await #expect(throws: RegistryError.preconditionsDisagree(.profile, "default")) {
            try await tenant.patch(
                "default", #"{"display_name":"b"}"#, context, if: Precondition(expectedVersion: 2, ifMatch: tag))
        }
        await #expect(throws: RegistryError.preconditionFailed(.profile, "agent", by: .ifNoneMatch, actual: 1)) {
            try await tenant.create(#"{"slug":"agent"}"#, context, if: Precondition(ifNoneMatch: "*"))
        }
        await tenants.directory.close()
    }

    @Test func `a patch that changes nothing keeps version, revision and file`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let before = try tenant.entry("default")
        let after = try await tenant.patch("default", #"{"display_name":""}"#, tenants.context)
        #expect(after.version == before.version)
        #expect(after.etag == before.etag)
        #expect(await tenants.shell("SELECT count(*) FROM profile_audit WHERE action = 'update'") == "0")
        await tenants.directory.close()
    }

    @Test func `a change of default gives both profiles a new revision and neither a new version`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let old = (try tenant.entry("default"), try tenant.entry("agent"))
        let version = try tenant.current().usableRegistry(.default).registry.metadata.version
        _ = try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
            try transaction.setDefault(named("agent"), in: .default, if: Precondition(expectedVersion: version))
        }
        let new = (try tenant.entry("default"), try tenant.entry("agent"))
        #expect(new.0.revision > old.0.revision && new.1.revision > old.1.revision)
        #expect(new.0.version == 1 && new.1.version == 1)
        #expect(!new.0.isDefault && new.1.isDefault)
        #expect(String(decoding: new.1.document, as: UTF8.self).contains(#""is_default":true"#))
        await #expect(
            throws: RegistryError.versionConflict(.registry, "default", expected: version, actual: version + 1)
        ) {
            try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
                try transaction.setDefault(named("default"), in: .default, if: Precondition(expectedVersion: version))
            }
        }
        await tenants.directory.close()
    }

    @Test func `the default profile goes only when another takes its place or it is the only one`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        await #expect(throws: RegistryError.defaultProfile("default", registry: "default")) {
            try await tenant.delete("default", context)
        }
        try await tenant.delete("default", context, newDefault: "agent")
        #expect(try tenant.entry("agent").isDefault)
        try await tenant.delete("agent", context)
        let registry = try tenant.current().usableRegistry(.default)
        #expect(registry.count == 0 && registry.registry.defaultProfileSlug == nil)
        try await tenant.create(#"{"slug":"first"}"#, context)
        #expect(try tenant.entry("first").isDefault)
        await tenants.directory.close()
    }

    @Test func `a deleted slug's versions go on when it is created again, and no tag comes twice`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let first = try await tenant.create(#"{"slug":"again"}"#, context)
        try await tenant.delete("again", context)
        let second = try await tenant.create(#"{"slug":"again"}"#, context)
        #expect(second.version == 3)
        #expect(second.etag != first.etag)
        let history = await tenants.shell(
            "SELECT version, action FROM profile_history WHERE profile_slug = 'again' ORDER BY version")
        #expect(history == "1|create\n2|delete\n3|create")
        await tenants.directory.close()
    }

    @Test func `a profile that others are layered on cannot be deleted`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        try await tenant.create(#"{"slug":"top","stack":[{"profile_slug":"agent"}]}"#, context)
        await #expect(throws: RegistryError.inUse("agent", by: ["default/top"])) {
            try await tenant.delete("agent", context)
        }
        await tenants.directory.close()
    }

    @Test func `a read-only profile is changed only by who may override it, and that is audited`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        var context = tenants.context
        try await tenant.create(#"{"slug":"fixed","policy":{"allow_overrides":false,"read_only":true}}"#, context)
        let refusal = RegistryError.policy(profile: "fixed", reason: "profile is read-only")
        #expect(refusal.message == #"policy violation for profile "fixed": profile is read-only"#)
        await #expect(throws: refusal) { try await tenant.patch("fixed", #"{"display_name":"x"}"#, context) }
        await #expect(throws: refusal) { try await tenant.delete("fixed", context) }
        context.overridesReadOnly = true
        try await tenant.patch("fixed", #"{"display_name":"x"}"#, context)
        #expect(
            await tenants.shell("SELECT note FROM profile_audit WHERE profile_slug = 'fixed' AND version = 2")
                == "override_read_only")
        await tenants.directory.close()
    }

    @Test func `registries are created, changed, protected while full, and deleted by force`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let team = RegistrySlug(normalised: "team")
        let create = try CreateRegistryBody(decoding: ["slug": "team", "display_name": "Team"])
        let body = try createBody(#"{"slug":"p"}"#)
        try await tenant.transact(context) { (transaction) throws(RegistryError) in
            _ = try transaction.createRegistry(create)
            _ = try transaction.createProfile(body, in: team)
        }
        #expect(try tenant.current().profile(named("p"), in: team).isDefault)
        await #expect(throws: RegistryError.registryNotEmpty("team", profiles: 1)) {
            try await tenant.transact(context) { (transaction) throws(RegistryError) in
                try transaction.deleteRegistry(team, force: false)
            }
        }
        await #expect(throws: RegistryError.registryProtected("default")) {
            try await tenant.transact(context) { (transaction) throws(RegistryError) in
                try transaction.deleteRegistry(.default, force: true)
            }
        }
        try await tenant.transact(context) { (transaction) throws(RegistryError) in
            try transaction.deleteRegistry(team, force: true)
        }
        #expect(try tenant.current().registry(team) == nil)
        #expect(await tenants.shell("SELECT count(*) FROM profiles WHERE registry_slug = 'team'") == "0")
        await tenants.directory.close()
    }

    @Test func `the API document is the profile's own, whether spliced or not`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let texts = [
            #"{"slug":"p1"}"#, #"{"slug":"p2","policy":{"allow_overrides":true,"read_only":false}}"#,
            #"{"slug":"p3","description":"\"policy\":{\"read_only\":false}","extensions":{"a.b@v1":[1e400,1.10]}}"#,
            #"{"slug":"p4","stack":[{"profile_slug":"agent"}],"runtime":{"tools":[],"system_prompt":null}}"#,
        ]
        for text in texts { try await tenant.create(text, tenants.context) }
        for entry in try tenant.current().usableRegistry(.default).profiles {
            let expected = try entry.profile().document(registry: .default, isDefault: entry.isDefault).encoded()
            #expect(entry.document == expected + [UInt8(ascii: "\n")])
        }
        await tenants.directory.close()
    }
}

extension Tenant {
    func delete(_ name: String, _ context: ChangeContext, newDefault: String? = nil) async throws {
        try await transact(context) { (transaction) throws(RegistryError) in
            try transaction.deleteProfile(named(name), in: .default, newDefault: newDefault.map { named($0) })
        }
    }
}
