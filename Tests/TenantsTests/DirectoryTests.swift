import GatewayTestSupport
import Glibc
import Profiles
import Synchronization
import Testing

@testable import Tenants

struct DirectoryTests {
    @Test func `tenants come from the configuration and from directories, and no others exist`() async throws {
        let tenants = try TestTenants(configured: ["default"])
        let acme = try #require(TenantSlug("acme"))
        #expect(!tenants.directory.exists(acme))
        await #expect(throws: RegistryError.tenantNotFound("acme")) { try await tenants.tenant("acme") }
        #expect(FileStatus(tenants.path("acme")) == nil)
        await Shell.run("mkdir -m 0700 '\(tenants.data.path)/tenants/acme' '\(tenants.data.path)/tenants/Not A Tenant'")
        #expect(await eventually { tenants.directory.exists(acme) })
        #expect(try await tenants.tenant("acme").current().usableRegistry(.default).count == 2)
        #expect(tenants.directory.slugs.map(\.rawValue) == ["acme", "default"])
        await tenants.directory.close()
    }

    @Test func `a created tenant is there at once, and only once`() async throws {
        let tenants = try TestTenants()
        let slug = try #require(TenantSlug("fresh"))
        let tenant = try await tenants.directory.create(slug)
        #expect(tenants.directory.resident(slug) === tenant)
        await #expect(throws: RegistryError.tenantExists("fresh")) { try await tenants.directory.create(slug) }
        await tenants.directory.close()
    }

    @Test func `tenants that come and go under writers never have two writers, and lose nothing`() async throws {
        let names = (0..<12).map { "t\($0)" }
        let tenants = try TestTenants(configured: names) { configuration in
            configuration.maximumResident = 3
            configuration.maximumOpen = 2
        }
        for name in names {
            let tenant = try await tenants.tenant(name)
            try await tenant.create(#"{"slug":"p"}"#, tenants.context)
        }
        let end = ContinuousClock.now + .milliseconds(1500)
        let written = try await withThrowingTaskGroup(of: [String: Int].self) { group in
            for seed in 0..<4 {
                group.addTask {
                    var counts: [String: Int] = [:]
                    var round = seed
                    while ContinuousClock.now < end {
                        round += 5
                        let name = names[round % names.count]
                        let tenant = try await tenants.tenant(name)
                        // Two objects for one file would be two in memory of different versions here.
                        try await tenant.patch("p", #"{"display_name":"\#(seed)-\#(round)"}"#, tenants.context)
                        counts[name, default: 0] += 1
                        if round % 7 == 0 { try await Task.sleep(for: .milliseconds(60)) }
                    }
                    return counts
                }
            }
            return try await group.reduce(into: [:]) { all, counts in all.merge(counts, uniquingKeysWith: +) }
        }
        for name in names {
            let expected = 1 + (written[name] ?? 0)
            #expect(try await tenants.tenant(name).entry("p").version == UInt64(expected), "\(name)")
            #expect(await tenants.shell("SELECT version FROM profiles WHERE slug = 'p'", name) == "\(expected)")
        }
        #expect(tenants.events.messages.allSatisfy { !$0.contains("replaced") && !$0.contains("overwritten") })
        await tenants.directory.close()
    }

    @Test func `a tenant somebody holds is the same object when it is asked for again, and up to date`() async throws {
        let tenants = try TestTenants(configured: ["held", "other"]) { $0.maximumResident = 0 }
        let slug = try #require(TenantSlug("held"))
        let held = try await tenants.tenant("held")
        // Asking would be using: the sweep lets go of what was not asked for.
        #expect(await eventually { tenants.directory.shard(slug).entries.withLock { $0[slug]?.strong == nil } })
        #expect(tenants.directory.resident(slug) == nil)
        await tenants.shell(
            "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'o') WHERE slug = 'agent'",
            "held")
        let again = try await tenants.tenant("held")
        #expect(again === held)
        #expect(try again.displayName("agent") == "o")
        await tenants.directory.close()
    }

    @Test func `a directory let go of without closing ends its threads and its locks`() async throws {
        let scratch = try ScratchDirectory()
        do {
            let tenants = try TestTenants(in: scratch)
            let tenant = try await tenants.tenant()
            try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        }
        // As after a kill, but in one process: what was acknowledged is there.
        #expect(
            await eventually {
                (try? OwnershipLock.holder(of: DataDirectory.lockPath(in: scratch.path + "/data"))) == .nobody
            })
        let tenants = try TestTenants(in: scratch)
        #expect(try await tenants.tenant().entry("x").version == 1)
        await tenants.directory.close()
    }

    @Test func `closing finishes what waits, refuses what comes later, and leaves the file whole`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let context = tenants.context
        let written = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask { (try? await tenant.create(#"{"slug":"n\#(number)"}"#, context)) != nil }
            }
            group.addTask {
                await tenants.directory.close()
                return false
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(FileStatus(tenants.path() + "-wal") == nil)
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "\(written + 2)")
    }

    @Test func `idle files are closed and opened again by the next write`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        try await tenant.create(#"{"slug":"x"}"#, tenants.context)
        #expect(await eventually { FileStatus(tenants.path() + "-wal") == nil })
        try await tenant.create(#"{"slug":"y"}"#, tenants.context)
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "4")
        await tenants.directory.close()
    }
}

struct SortedListTests {
    final class Item: SortedByKey {
        let key: String
        let weight = 1

        init(_ key: String) {
            self.key = key
        }
    }

    @Test func `a list keeps order, finds, pages and forgets, as a dictionary and a sort would`() {
        var list = SortedList<Item>()
        var model: Set<String> = []
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<4000 {
            let key = "k\(Int.random(in: 0..<900, using: &generator))"
            if Bool.random() || Bool.random() {
                list.put(Item(key))
                model.insert(key)
            } else {
                list.remove(key)
                model.remove(key)
            }
        }
        let sorted = model.sorted()
        #expect(list.map(\.key) == sorted)
        #expect(list.count == sorted.count && list.weight == sorted.count)
        #expect(sorted.allSatisfy { list[$0]?.key == $0 })
        #expect(list["k"] == nil && list["z"] == nil)
        for after in [nil, "", "k5", "k500", "zzz"] {
            let expected = sorted.filter { $0 > after ?? "" }.prefix(150)
            #expect(list.page(after: after, limit: 150).map(\.key) == Array(expected))
        }
    }

    @Test func `copies are values`() {
        var list = SortedList<Item>(sorted: (100..<900).map { Item("\($0)") })
        let copy = list
        list.remove("500")
        list.put(Item("777x"))
        #expect(copy["500"] != nil && copy["777x"] == nil && copy.count == 800)
        #expect(list["500"] == nil && list["777x"] != nil && list.count == 800)
    }
}
