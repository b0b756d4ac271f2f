import JSON
import Profiles
import Testing

@Suite struct TopologyTests {
    private func check(_ name: String, _ document: String, in tenant: TestTenant) throws {
        let id = TestTenant.id(name)
        try StackTopology.check(
            writing: Profile(document: JSONValue(parsing: document), slug: id.profile), as: id, in: tenant)
    }

    private func failure(_ name: String, _ document: String, in tenant: TestTenant) throws -> ValidationError {
        try #require(throws: ValidationError.self) { try check(name, document, in: tenant) }
    }

    @Test func `SK-8 D33 a write is checked before it happens`() throws {
        let tenant = try TestTenant(["a": #"{"stack":[{"profile_slug":"b"}]}"#, "b": "{}"])
        try check("c", #"{"stack":[{"profile_slug":"a"}]}"#, in: tenant)
        #expect(
            try failure("b", #"{"stack":[{"profile_slug":"a"}]}"#, in: tenant)
                == ValidationError(
                    field: "registry.profiles[a].stack[0]",
                    reason: "stack cycle detected: default/b -> default/a -> default/b"))
        #expect(
            try failure("new", #"{"stack":[{"profile_slug":"new"}]}"#, in: tenant).reason
                == "stack cycle detected: default/new -> default/new")
        #expect(
            try failure("c", #"{"stack":[{"registry_slug":"default","profile_slug":"zzz"}]}"#, in: tenant).field
                == "registry.profiles[c].stack[0]")
        #expect(
            try failure("c", #"{"stack":[{"registry_slug":"gone","profile_slug":"b"}]}"#, in: tenant).reason
                == "referenced registry \"gone\" not found")
    }

    @Test func `a base may not grow so deep that its users break`() throws {
        var tenant = try TestTenant(["p0": "{}", "extra": "{}"])
        for index in 1..<32 { try tenant.add("p\(index)", "{\"stack\":[{\"profile_slug\":\"p\(index - 1)\"}]}") }
        let error = try failure("p0", #"{"stack":[{"profile_slug":"extra"}]}"#, in: tenant)
        #expect(error.reason.hasPrefix("stack depth exceeds max_depth=32 while traversing default/p31"))
        #expect(error.field == "registry.profiles[p0].stack[0]")
    }

    @Test func `a base may not gain a middleware that its users could not merge`() throws {
        let tenant = try TestTenant([
            "base": "{}", "user": #"{"stack":[{"profile_slug":"base"}],"runtime":{"middlewares":[{"name":"m"}]}}"#,
        ])
        #expect(throws: Never.self) { try check("base", #"{"runtime":{"middlewares":[{"name":"m"}]}}"#, in: tenant) }
        #expect(
            try failure("base", #"{"runtime":{"middlewares":[{"name":"m"},{"name":"m"}]}}"#, in: tenant).reason
                == "middleware \"m\" is used more than once in the stack; give each use an id")
    }

    @Test func `a user that is broken already keeps nobody from writing what is under it`() throws {
        let tenant = try TestTenant([
            "base": "{}", "broken": #"{"stack":[{"profile_slug":"base"},{"profile_slug":"gone"}]}"#,
            "fine": #"{"stack":[{"profile_slug":"base"}]}"#,
        ])
        try check("base", #"{"display_name":"Base"}"#, in: tenant)
        #expect(throws: ValidationError.self) { try check("base", #"{"stack":[{"profile_slug":"fine"}]}"#, in: tenant) }
    }

    @Test func `users of a profile are listed, and those deleted with it are not`() throws {
        let tenant = try TestTenant([
            "base": "{}", "b": #"{"stack":[{"profile_slug":"base"}]}"#, "a": #"{"stack":[{"profile_slug":"base"}]}"#,
            "far": #"{"stack":[{"profile_slug":"a"}]}"#,
            "team/x": #"{"stack":[{"registry_slug":"default","profile_slug":"base"}]}"#,
        ])
        #expect(
            StackTopology.users(of: [TestTenant.id("base")], in: tenant).map(\.description) == [
                "default/a", "default/b", "team/x",
            ])
        #expect(
            StackTopology.users(of: [TestTenant.id("base"), TestTenant.id("a"), TestTenant.id("b")], in: tenant)
                .map(\.description) == ["default/far", "team/x"])
        #expect(StackTopology.users(of: [TestTenant.id("far")], in: tenant).isEmpty)
    }

    @Test func `a file edited into a cycle breaks only what is in it`() throws {
        let tenant = try TestTenant([
            "a": #"{"stack":[{"profile_slug":"b"}]}"#, "b": #"{"stack":[{"profile_slug":"a"}]}"#, "ok": "{}",
            "fine": #"{"stack":[{"profile_slug":"ok"}]}"#,
        ])
        #expect(try tenant.resolve("fine").lineage.count == 2)
        #expect(throws: ResolutionError.self) { try tenant.resolve("a") }
    }
}
