import JSON
import Profiles
import Synchronization
import Testing

@Suite struct StackTopologyTests {
    /// Says how often it was asked for the profiles with stacks, which in a large registry is what a write may not do.
    private final class Counting: ProfileLookup {
        let tenant: TestTenant
        let questions = Mutex(0)

        init(_ tenant: TestTenant) {
            self.tenant = tenant
        }

        func hasRegistry(_ slug: RegistrySlug) -> Bool { tenant.hasRegistry(slug) }
        func profile(_ id: ProfileID) -> Profile? { tenant.profile(id) }
        var stackedProfiles: [ProfileID] {
            questions.withLock { $0 += 1 }
            return tenant.stackedProfiles
        }
    }

    private func written(_ name: String, _ text: String) throws -> (Profile, ProfileID) {
        let id = TestTenant.id(name)
        return (try Profile(document: JSONValue(parsing: text), slug: id.profile), id)
    }

    private let base = #"{"runtime":{"middlewares":[{"name":"agentmode"}]}}"#

    private func tenant() throws -> Counting {
        Counting(
            try TestTenant([
                "base": base,
                "leaf": #"{"stack":[{"profile_slug":"base"}],"runtime":{"middlewares":[{"name":"agentmode"}]}}"#,
            ]))
    }

    @Test func `a write that cannot break what is layered on it does not look at it`() throws {
        let tenant = try tenant()
        let (profile, id) = try written(
            "base", #"{"display_name":"n","runtime":{"system_prompt":"p","middlewares":[{"name":"agentmode"}]}}"#)
        try StackTopology.check(writing: profile, as: id, in: tenant)
        #expect(tenant.questions.withLock { $0 } == 0)
    }

    @Test(arguments: [
        #"{"runtime":{"middlewares":[{"name":"agentmode"},{"name":"agentmode"}]}}"#,
        #"{"stack":[{"profile_slug":"leaf"}],"runtime":{"middlewares":[{"name":"agentmode"}]}}"#,
    ])
    func `a write that breaks what is layered on it is refused`(text: String) throws {
        let (profile, id) = try written("base", text)
        #expect(throws: ValidationError.self) { try StackTopology.check(writing: profile, as: id, in: try tenant()) }
    }
}
