import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// What a change costs must not grow with what it leaves alone; the benchmark's figures say it in time, these in work.
struct ScaleTests {
    @Test func `D45 a change among 10 profiles and among 3,000 writes as many pages and renews one entry`()
        async throws
    {
        var pages: [Int] = []
        for count in [10, 3_000] {
            let tenants = try TestTenants()
            let tenant = try await tenants.tenant()
            let bodies = try (0..<count).map { try createBody(#"{"slug":"profile-\#($0)"}"#) }
            try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
                for body in bodies { _ = try transaction.createProfile(body, in: .default) }
            }
            let before = try tenant.current().usableRegistry(.default).entries
            pages.append(try await tenant.pagesOfChange { try await tenant.patch("profile-5", $0, tenants.context) })
            let after = try tenant.current().usableRegistry(.default).entries
            #expect(after.count == count + 2)
            let renewed = zip(before, after).filter { $0 !== $1 }.map(\.1.key)
            #expect(renewed == ["profile-5"], "among \(count)")
            await tenants.directory.close()
        }
        #expect(pages[0] > 0)
        #expect(pages[1] <= pages[0] + 1, "\(pages) pages; one more when a page of the history was full")
    }
}

extension Tenant {
    /// How many pages a change puts into the log, of a few tries the fewest: the sweep may empty the log meanwhile, and
    /// now and then a page of the history is full.
    fileprivate func pagesOfChange(_ change: (String) async throws -> Void) async throws -> Int {
        var found: [Int] = []
        for number in 0..<8 {
            let before = store.withLock { $0.connections.openWriter?.logFrames ?? 0 }
            try await change(#"{"display_name":"change \#(number)"}"#)
            let after = store.withLock { $0.connections.openWriter?.logFrames ?? 0 }
            if after > before { found.append(after - before) }
        }
        return try #require(found.min())
    }
}
