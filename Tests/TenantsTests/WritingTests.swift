import GatewayTestSupport
import JSON
import Profiles
import Synchronization
import Testing

@testable import Tenants

struct WritingTests {
    @Test func `of 50 parallel creates of one slug exactly one succeeds`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let outcomes = await withTaskGroup(of: RegistryError?.self) { group in
            for number in 0..<50 {
                group.addTask {
                    do {
                        try await tenant.create(#"{"slug":"one","display_name":"\#(number)"}"#, context)
                        return nil
                    } catch { return error as? RegistryError }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1)
        #expect(outcomes.count { $0 == .versionConflict(.profile, "one", expected: 0, actual: 1) } == 49)
        #expect(try tenant.entry("one").version == 1)
        await tenants.directory.close()
    }

    @Test func `50 parallel unguarded patches of different fields are all present`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        try await tenant.create(#"{"slug":"many"}"#, context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let body = try PatchProfileBody(
                        decodingMergePatch: ["extensions": ["vendor.f\(number)@v1": .number(JSONNumber(number))]],
                        rules: ProfileRules())
                    _ = try await tenant.transact(context) { (transaction) throws(RegistryError) in
                        try transaction.patchProfile(named("many"), in: .default, body)
                    }
                }
            }
            try await group.waitForAll()
        }
        let profile = try tenant.entry("many").profile()
        #expect(profile.extensions.count == 50)
        #expect(profile.metadata.version == 51)
        let versions = await tenants.shell(
            "SELECT count(*), max(version) FROM profile_history WHERE profile_slug = 'many'")
        #expect(versions == "51|51")
        await tenants.directory.close()
    }

    @Test func `waiting writes are committed together, and a failing member leaves the others`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let version = try tenant.entry("default").version
        let group: [any PendingWrite] = try [
            Recording(context, create: #"{"slug":"a"}"#), Recording(context, create: #"{"slug":"default"}"#),
            Recording(context, create: #"{"slug":"b"}"#),
        ]
        let outcome = tenant.store.withLock { $0.commit(group) }
        guard case .finished(let errors) = outcome else {
            Issue.record("the group ended as \(outcome)")
            return
        }
        #expect(
            errors == [nil, .versionConflict(.profile, "default", expected: 0, actual: version), nil])
        let content = tenant.store.withLock { $0.content }
        #expect(content.registries["default"]?.entries["a"] != nil)
        #expect(content.registries["default"]?.entries["b"] != nil)
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "4")
        await tenants.directory.close()
    }

    @Test func `a cancelled caller's write is made all the same`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let task = Task { try await tenant.create(#"{"slug":"kept"}"#, context) }
        task.cancel()
        _ = try await task.value
        #expect(try tenant.entry("kept").version == 1)
        await tenants.directory.close()
    }

    @Test func `a write after closing says closed`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await tenants.directory.close()
        await #expect(throws: RegistryError.closed) { try await tenant.create(#"{"slug":"late"}"#, tenants.context) }
        await #expect(throws: RegistryError.closed) { try await tenants.tenant() }
    }

    @Test func `updated_at_ms of a registry advances with every change, also when the clock stands still`() async throws
    {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        var last = try tenant.current().usableRegistry(.default).updatedAtMs
        for number in 0..<5 {
            try await tenant.patch("default", #"{"display_name":"\#(number)"}"#, context)
            let now = try tenant.current().usableRegistry(.default).updatedAtMs
            #expect(now > last)
            last = now
        }
        #expect(await tenants.shell("SELECT updated_at_ms FROM profile_registries") == "\(last)")
        await tenants.directory.close()
    }
}

/// A member of a group without a caller.
private struct Recording: PendingWrite {
    let context: ChangeContext
    let deadline = ContinuousClock.now + .seconds(5)
    let body: CreateProfileBody

    init(_ context: ChangeContext, create text: String) throws {
        self.context = context
        body = try createBody(text)
    }

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        _ = try transaction.createProfile(body, in: .default)
    }

    func succeed() {}
    func fail(_ error: RegistryError) {}
}
