import JSON
import Profiles
import Testing

@testable import Gateway
@testable import Tenants

struct ResolutionMemoTests {
    private let memo = ResolutionMemo<Int>(maximumBytes: 100_000)

    /// A state whose document has a little more than 30,000 bytes.
    private func entry(_ slug: String) throws -> ProfileEntry {
        let profile = Profile(
            slug: try ProfileSlug(validating: slug), description: String(repeating: "x", count: 30_000))
        return ProfileEntry(profile, registry: .default, isDefault: false, revision: 1, epoch: 1)
    }

    private func knows(_ entry: ProfileEntry, _ requested: RequestedRuntime = RequestedRuntime()) -> Bool {
        memo.plan(entry, requested, tenant: nil, in: Snapshot(.empty)) != nil
    }

    @Test func `the documents that plans keep in memory count`() throws {
        let entries = try (0..<10).map { try entry("p\($0)") }
        for entry in entries { memo.remember(1, entry, RequestedRuntime(), tenant: nil, layers: [], weight: 0) }
        #expect(entries.map { knows($0) } == Array(repeating: false, count: 9) + [true])
    }

    @Test func `the documents of layers count, too`() throws {
        let (first, second) = (try entry("a"), try entry("b"))
        memo.remember(1, first, RequestedRuntime(), tenant: nil, layers: [], weight: 0)
        memo.remember(1, second, RequestedRuntime(), tenant: nil, layers: [try entry("base")], weight: 0)
        #expect(!knows(first))
    }

    @Test func `a document that several plans keep in memory counts once`() throws {
        let entry = try entry("p")
        let requests = (0..<10).map { RequestedRuntime(overrides: ["number": .number(JSONNumber($0))]) }
        for request in requests { memo.remember(1, entry, request, tenant: nil, layers: [], weight: 0) }
        #expect(requests.allSatisfy { knows(entry, $0) })
    }
}
