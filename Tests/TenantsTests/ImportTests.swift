import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Testing

@testable import Tenants

struct ImportTests {
    private func documents(_ text: String) throws -> [RegistryDocument] {
        guard case .array(let elements) = try JSONValue(parsing: text) else { return [] }
        return try elements.map { try RegistryDocument(document: $0) }
    }

    private func request(_ text: String, _ mode: ImportMode = .merge, creates: Bool = true) throws -> ImportRequest {
        ImportRequest(try documents(text), mode: mode, rules: ProfileRules(), createsRegistries: creates)
    }

    private func sqlite(_ path: String, _ sql: String) async -> String {
        await Shell.run("sqlite3 -cmd '.timeout 3000' '\(path)' \"\(sql)\"")
    }

    @Test func `an import is one change: one revision, one history row for each document written`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let before = try tenant.current().revision
        let request = try request(
            #"[{"slug":"default","profiles":{"agent":{"display_name":"A"},"new":{}}},{"slug":"two","profiles":{"x":{}}}]"#
        )
        let result = try await tenant.transact(tenants.context) { transaction throws(RegistryError) in
            try transaction.importRegistries(request)
        }
        #expect(result.registries.map(\.outcome) == [.updated, .created])
        #expect(result.registries[0].profiles.map(\.version) == [2, 1])
        #expect(result.registries[1].defaultProfile?.rawValue == "x")
        #expect(try tenant.current().revision == before + 1)
        let rows = await sqlite(
            tenants.path(),
            "SELECT registry_slug, profile_slug, version, action FROM profile_history WHERE revision > \(before) ORDER BY id"
        )
        #expect(
            rows == "default|agent|2|import\ndefault|new|1|import\ntwo|x|1|import\ntwo||1|import", "\(rows)")
        await tenants.directory.close()
    }

    @Test func `the same document again changes nothing at all`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let request = try request(#"[{"slug":"two","metadata":{"tags":["a"]},"profiles":{"x":{"display_name":"X"}}}]"#)
        for round in 0..<3 {
            let before = try tenant.current().revision
            let result = try await tenant.transact(tenants.context) { transaction throws(RegistryError) in
                try transaction.importRegistries(request)
            }
            #expect(result.registries[0].outcome == (round == 0 ? .created : .unchanged))
            #expect(try tenant.current().revision == (round == 0 ? before + 1 : before))
        }
        await tenants.directory.close()
    }

    @Test func `a refused import leaves file and memory as they were`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let before = try tenant.current()
        let request = try request(
            #"[{"slug":"default","profiles":{"agent":{"display_name":"A"},"x":{"stack":[{"profile_slug":"no"}]}}}]"#)
        let error = await #expect(throws: RegistryError.self) {
            try await tenant.transact(tenants.context) { transaction throws(RegistryError) in
                try transaction.importRegistries(request)
            }
        }
        guard case .importRefused(let problems)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problems.map(\.path) == ["registry.profiles[x].stack[0]"])
        #expect(try tenant.current().revision == before.revision)
        #expect(try tenant.displayName("agent") == "")
        #expect(await tenants.shell("SELECT count(*) FROM profiles") == "2")
        await tenants.directory.close()
    }

    private func problems(
        _ request: ImportRequest, if precondition: Precondition = .none, on tenant: Tenant
    ) throws -> [ImportProblem] {
        do throws(RegistryError) {
            _ = try tenant.current().trying(request, overridesReadOnly: false, if: precondition)
            return []
        } catch {
            guard case .importRefused(let problems) = error else { throw error }
            return problems
        }
    }

    @Test func `no more than 200 problems are listed, and the answer says so`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let profiles = (0..<300).map { #""p\#($0)":{"runtime":{"middlewares":[{"name":"nothing"}]}}"# }
        let request = try request(#"[{"slug":"two","profiles":{\#(profiles.joined(separator: ","))}}]"#)
        let found = try problems(request, on: tenant)
        #expect(found.count == 201)
        #expect(found[199].path.hasPrefix("registry.profiles[p"))
        #expect(found[200] == .more(in: RegistrySlug(normalised: "two")))
        await tenants.directory.close()
    }

    @Test(arguments: [ImportMode.merge, .replace], ["default", "two"])
    func `a default that is not there is refused, with and without profiles`(_ mode: ImportMode, slug: String)
        async throws
    {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        for profiles in ["{}", #"{"x":{}}"#] {
            let text = #"[{"slug":"\#(slug)","default_profile_slug":"nope","profiles":\#(profiles)}]"#
            #expect(try problems(request(text, mode), on: tenant).map(\.path) == ["registry.default_profile_slug"])
        }
        await tenants.directory.close()
    }

    @Test func `a dry run keeps to the precondition`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let request = try request(#"[{"slug":"default","profiles":{"x":{}}}]"#)
        let version = try #require(try tenant.current().registry(.default)).registry.metadata.version
        #expect(try problems(request, if: Precondition(expectedVersion: version), on: tenant) == [])
        #expect(throws: RegistryError.self) {
            try problems(request, if: Precondition(expectedVersion: version + 1), on: tenant)
        }
        #expect(throws: RegistryError.self) { try problems(request, if: Precondition(ifMatch: "\"no\""), on: tenant) }
        await tenants.directory.close()
    }

    @Test func `a profile that is named and cannot be read is not one that is removed`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        var request = try request(
            #"[{"slug":"default","default_profile_slug":"default","profiles":{"x":{}}}]"#, .replace)
        #expect(try problems(request, on: tenant).map(\.path) == ["registry.default_profile_slug"])
        request.unreadable = [.default: [named("default")]]
        let result = try tenant.current().trying(request, overridesReadOnly: false)
        #expect(result.registries[0].profiles.filter { $0.outcome == .removed }.map(\.slug) == [named("agent")])
        await tenants.directory.close()
    }

    @Test(arguments: ["export", "import"])
    func `no registry is made under the name of a route`(_ slug: String) async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let found = try problems(request(#"[{"slug":"\#(slug)","profiles":{"x":{}}}]"#), on: tenant)
        #expect(found.map(\.path) == ["registry.slug"])
        #expect(throws: ValidationError.self) { try CreateRegistryBody(decoding: ["slug": .string(slug)]) }
        await tenants.directory.close()
    }

    @Test func `registries are made only where that is allowed`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let request = try request(#"[{"slug":"two","profiles":{"x":{}}}]"#, creates: false)
        await #expect(throws: RegistryError.registryNotFound("two")) {
            try await tenant.transact(tenants.context) { transaction throws(RegistryError) in
                try transaction.importRegistries(request)
            }
        }
        await tenants.directory.close()
    }

    @Test func `a replaced default is re-pointed, and both profiles get a new revision`() async throws {
        let tenants = try TestTenants()
        let tenant = try await tenants.tenant()
        let old = try tenant.entry("default")
        let request = try request(#"[{"slug":"default","default_profile_slug":"agent"}]"#)
        _ = try await tenant.transact(tenants.context) { transaction throws(RegistryError) in
            try transaction.importRegistries(request)
        }
        #expect(try tenant.entry("agent").isDefault)
        #expect(try !tenant.entry("default").isDefault)
        #expect(try tenant.entry("default").revision > old.revision)
        #expect(try tenant.entry("default").version == old.version)
        await tenants.directory.close()
    }

    @Test func `a file for the origin comes back as the same profiles`() async throws {
        let scratch = try ScratchDirectory()
        let source = try TestTenants(in: scratch)
        let tenant = try await source.tenant()
        let request = try request(
            #"""
            [{"slug":"two","display_name":"Two","default_profile_slug":"x","profiles":{"x":{"stack":[{"profile_slug":"y"}],
              "runtime":{"system_prompt":null,"variables":{"n":{"type":"string"}},"step_settings_patch":{"ai-chat":{"ai-temperature":1.10}}},
              "policy":{"allow_overrides":true,"limits":{"ai-chat.ai-temperature":{"max":1.0}},"on_denied":"ignore"},
              "extensions":{"vendor.extra@v2":[9007199254740993]},"metadata":{"tags":["a"]}},"y":{}}}]
            """#)
        _ = try await tenant.transact(source.context) { transaction throws(RegistryError) in
            try transaction.importRegistries(request)
        }
        let written = try tenant.current().registries.map { try $0.wholeDocument() }
        let path = scratch.path + "/origin.db"
        try OriginFile.write(written, to: path, masksKeys: false)
        #expect(FileStatus(path)?.permissions == 0o600)
        #expect(throws: RegistryError.self) { try OriginFile.write(written, to: path, masksKeys: false) }
        #expect(
            await sqlite(
                path,
                "SELECT slug, json_extract(payload_json, '$.default_profile_slug') FROM profile_registries ORDER BY slug"
            ) == "default|default\ntwo|x")
        #expect(await sqlite(path, "SELECT name FROM sqlite_schema WHERE type = 'table'") == "profile_registries")
        await source.directory.close()

        let target = try TestTenants(in: try ScratchDirectory()) { configuration in
            configuration.elsewhere[TenantSlug(normalised: "default")] = (RegistryFile(path: path), .init())
        }
        let back = try await target.tenant().current().registries.map { try $0.wholeDocument() }
        #expect(back.map(\.registry.defaultProfileSlug) == written.map(\.registry.defaultProfileSlug))
        #expect(back.flatMap(\.profiles).map(\.slug) == written.flatMap(\.profiles).map(\.slug))
        for (one, other) in zip(back.flatMap(\.profiles), written.flatMap(\.profiles)) {
            #expect(one.storedDocument() == other.storedDocument())
        }
        await target.directory.close()
    }
}
