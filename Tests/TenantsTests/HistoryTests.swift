import GatewayTestSupport
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// Every version is kept and can be asked for (gateway.md §5).
struct HistoryTests {
    @Test func `versions come newest first, in pages, with who made them`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"analyst"}"#, tenants.context)
        for number in 2...5 {
            try await tenant.patch("analyst", #"{"display_name":"\#(number)"}"#, tenants.context)
        }
        let first = try await tenant.versions(of: named("analyst"), in: .default, limit: 3)
        #expect(first.entries.map(\.version) == [5, 4, 3] && first.isCut)
        let second = try await tenant.versions(of: named("analyst"), in: .default, limit: 3, before: 3)
        #expect(second.entries.map(\.version) == [2, 1] && !second.isCut)
        #expect(second.entries.map(\.action) == ["update", "create"])
        let newest = try #require(first.entries.first)
        #expect(newest.actor == "tester" && newest.source == "test" && newest.requestID == "r1")
        #expect(newest.revision == (try tenant.entry("analyst").revision))
        #expect(try newest.decodeProfile()?.displayName == "5")
        #expect(try await tenant.version(2, of: named("analyst"), in: .default).decodeProfile()?.displayName == "2")
        await tenants.directory.close()
    }

    @Test func `a slug that is deleted and made again continues its history`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        try await tenant.create(#"{"slug":"x","display_name":"first"}"#, context)
        try await tenant.transact(context) { (transaction) throws(RegistryError) in
            try transaction.deleteProfile(named("x"), in: .default)
        }
        let deletion = try await tenant.version(2, of: named("x"), in: .default)
        #expect(deletion.isDeletion && deletion.action == "delete")
        #expect(try deletion.document() == .null)
        try await tenant.create(#"{"slug":"x","display_name":"second"}"#, context)
        let page = try await tenant.versions(of: named("x"), in: .default, limit: 10)
        #expect(page.entries.map(\.version) == [3, 2, 1])
        #expect(page.entries.map(\.isDeletion) == [false, true, false])
        #expect(try tenant.entry("x").version == 3)
        await tenants.directory.close()
    }

    @Test func `what never was is not found, each kind in its own words`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        await #expect(throws: RegistryError.profileNotFound("none")) {
            try await tenant.versions(of: named("none"), in: .default, limit: 1)
        }
        await #expect(throws: RegistryError.profileNotFound("none")) {
            try await tenant.version(1, of: named("none"), in: .default)
        }
        for number in [0, 2, UInt64(Int64.max), .max] {
            await #expect(throws: RegistryError.versionNotFound(.profile, "agent", number)) {
                try await tenant.version(number, of: named("agent"), in: .default)
            }
        }
        let none = RegistrySlug(normalised: "none")
        await #expect(throws: RegistryError.registryNotFound("none")) {
            try await tenant.versions(of: nil, in: none, limit: 1)
        }
        await #expect(throws: RegistryError.profileNotFound("none")) {
            try await tenant.versions(from: nil, to: nil, of: named("none"), in: .default)
        }
        await tenants.directory.close()
    }

    @Test func `two versions to compare are by default the newest and the one before it`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let alone = try await tenant.versions(from: nil, to: nil, of: named("agent"), in: .default)
        #expect(alone.from == nil && alone.to.version == 1)
        for name in ["a", "b"] { try await tenant.patch("agent", #"{"display_name":"\#(name)"}"#, tenants.context) }
        let newest = try await tenant.versions(from: nil, to: nil, of: named("agent"), in: .default)
        #expect(newest.from?.version == 2 && newest.to.version == 3)
        let given = try await tenant.versions(from: 3, to: 1, of: named("agent"), in: .default)
        #expect(given.from?.version == 3 && given.to.version == 1)
        await #expect(throws: RegistryError.versionNotFound(.profile, "agent", 9)) {
            try await tenant.versions(from: 9, to: nil, of: named("agent"), in: .default)
        }
        await tenants.directory.close()
    }

    @Test func `a page of large documents is cut, and continues where it ended`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        try await tenant.create(#"{"slug":"large"}"#, context)
        for number in 2...7 {
            let prompt = String(repeating: "\(number)", count: 1_000_000)
            try await tenant.patch("large", #"{"runtime":{"system_prompt":"\#(prompt)"}}"#, context)
        }
        var versions: [UInt64] = []
        var (pages, before): (Int, UInt64?) = (0, nil)
        repeat {
            let page = try await tenant.versions(of: named("large"), in: .default, limit: 100, before: before)
            versions += page.entries.map(\.version)
            before = page.isCut ? page.entries.last?.version : nil
            pages += 1
        } while before != nil && pages < 10
        #expect(versions == [7, 6, 5, 4, 3, 2, 1] && pages == 2)
        await tenants.directory.close()
    }

    @Test func `a damaged version is named, and the others are read`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        for name in ["a", "b"] { try await tenant.patch("agent", #"{"display_name":"\#(name)"}"#, tenants.context) }
        await tenants.shell(
            "UPDATE profile_history SET document_json = '{' WHERE profile_slug = 'agent' AND version = 2")
        let entry = try await tenant.version(2, of: named("agent"), in: .default)
        let error = #expect(throws: RegistryError.self) { try entry.document() }
        guard case .damaged(let damage) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(damage.table == "profile_history" && damage.row == "default/agent@2")
        #expect(try await tenant.version(1, of: named("agent"), in: .default).decodeProfile() != nil)
        await tenants.directory.close()
    }

    @Test func `the audit says who changed what, and can be narrowed`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        var other = tenants.context
        other.actor = "ann"
        try await tenant.create(#"{"slug":"x"}"#, other)
        try await tenant.patch("agent", #"{"display_name":"a"}"#, tenants.context)
        let all = try await tenant.audit(AuditQuery(limit: 100)).entries
        #expect(all.map(\.action) == ["update", "create", "bootstrap", "bootstrap", "bootstrap"])
        #expect(all.map(\.id) == all.map(\.id).sorted(by: >))
        var query = AuditQuery(limit: 100)
        query.actor = "ann"
        #expect(try await tenant.audit(query).entries.map(\.profile) == ["x"])
        query = AuditQuery(limit: 100)
        query.profile = named("agent")
        #expect(try await tenant.audit(query).entries.map(\.version) == [2, 1])
        query.sinceMs = .max
        #expect(try await tenant.audit(query).entries.isEmpty)
        query = AuditQuery(limit: 2)
        let page = try await tenant.audit(query)
        #expect(page.entries.map(\.id) == Array(all.map(\.id).prefix(2)) && page.isCut)
        query.before = page.entries.last?.id
        #expect(try await tenant.audit(query).entries.map(\.id) == Array(all.map(\.id)[2..<4]))
        await tenants.directory.close()
    }
}
