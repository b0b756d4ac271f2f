import JSON
import Profiles
import Testing

@Suite struct RegistryTests {
    private func document(_ text: String, row: String? = nil, origin: DocumentOrigin = .ours) throws -> RegistryDocument
    {
        try RegistryDocument(
            document: JSONValue(parsing: text), rowSlug: row.flatMap { RegistrySlug($0) }, origin: origin)
    }

    @Test(
        arguments: [
            ("VA-5", #"{}"#, nil, "registry.slug", "must not be empty"),
            ("", #"{"slug":"a b"}"#, nil, "registry.slug", "registry slug \"a b\" is invalid"),
            (
                "SQ-7", #"{"slug":"other"}"#, "default", "registry.slug",
                "slug mismatch: the row is \"default\", the document says \"other\""
            ),
            ("", "null", nil, "registry", "must not be nil"),
            (
                "VA-7", #"{"slug":"r","profiles":{" Default ":null}}"#, nil, "registry.profiles[default]",
                "must not be nil"
            ),
            (
                "VA-4", #"{"slug":"r","profiles":{"default":{"slug":"agent"}}}"#, nil,
                "registry.profiles[default].slug",
                "map key and profile slug must match"
            ),
            (
                "", #"{"slug":"r","profiles":{"a":{},"A":{}}}"#, nil, "registry.profiles[a]",
                "two keys are the same slug after normalization"
            ),
            (
                "", #"{"slug":"r","profiles":{"a":{"runtime":{"tools":[""]}}}}"#, nil,
                "registry.profiles[a].runtime.tools[0]",
                "must not be empty"
            ),
            (
                "", #"{"slug":"r","profiles":{"a":{"extensions":{"bad key":1}}}}"#, nil,
                "registry.profiles[a].extensions[bad key]",
                "extension key \"bad key\" is invalid (expected namespace.feature@vN)"
            ),
            (
                "", #"{"slug":"r","default_profile_slug":"b c"}"#, nil, "registry.default_profile_slug",
                "profile slug \"b c\" is invalid"
            ),
        ] as [(String, String, String?, String, String)])
    func `documents are refused with the exact field`(
        _ id: String, _ text: String, _ row: String?, _ field: String, _ reason: String
    ) throws {
        let error = try #require(throws: ValidationError.self) { try document(text, row: row) }
        #expect(error.field == field)
        #expect(error.reason == reason)
    }

    @Test(arguments: [
        (#"{"slug":"r","profiles":{"a":{}}}"#, "must be set when profiles are present"),
        (#"{"slug":"r","default_profile_slug":"b","profiles":{"a":{}}}"#, "default profile does not exist in registry"),
    ])
    func `VA-3 the default must be among the profiles`(_ text: String, _ reason: String) throws {
        let found = try document(text)
        let error = try #require(throws: ValidationError.self) { try found.validate() }
        #expect(error.field == "registry.default_profile_slug")
        #expect(error.reason == reason)
    }

    @Test func `SL-8 keys and slugs of a document are normalised, and the row names what has no name`() throws {
        let found = try document(
            #"{"default_profile_slug":" AGENT ","profiles":{"Agent":{"display_name":" A "}}}"#, row: "work")
        #expect(found.registry.slug.rawValue == "work")
        #expect(found.profiles.map(\.slug.rawValue) == ["agent"])
        #expect(found.registry.defaultProfileSlug?.rawValue == "agent")
        try found.validate()
    }

    @Test func `a whole registry survives its document`() throws {
        let content = Bootstrap.content(.first)
        let copy = try RegistryDocument(
            document: JSONValue(parsing: content.registry.storedDocument(with: content.profiles).encoded()))
        #expect(copy == content)
    }

    @Test func `bootstrap is as the contract has it`() throws {
        let content = Bootstrap.content(.first)
        try content.validate()
        #expect(content.profiles.map(\.slug.rawValue) == ["agent", "default"])
        #expect(content.profiles.allSatisfy { $0.metadata.version == 1 && $0.policy.onDenied == .ignore })
        let agent = try #require(content.profiles.first)
        #expect(agent.policy.allowOverrides == true)
        #expect(agent.runtime.middlewares.value?.first?.config == nil)
        #expect(
            agent.extensions
                == [
                    "middleware.agentmode_config@v1": [
                        "instances": ["id:default": ["default_mode": "financial_analyst"]]
                    ]
                ])
        #expect(content.profiles.last?.policy.allowOverrides == false)
        #expect(content.profiles.last?.runtime.systemPrompt == .set("You are an assistant"))
        for profile in content.profiles { #expect(try ProfileRules().admit(profile, replacing: nil) == profile) }
    }

    @Test func `registries are created, patched and shown`() throws {
        let body = try CreateRegistryBody(decoding: JSONValue(parsing: #"{"slug":" Team ","display_name":" T "}"#))
        let registry = body.makeRegistry(.first)
        #expect(
            registry.document(profileCount: 3).text
                == #"{"slug":"team","display_name":"T","profile_count":3,"version":1,"updated_at_ms":1000,"metadata":{"source":"http-api","version":1,"created_at_ms":1000,"updated_at_ms":1000,"created_by":"ann","updated_by":"ann"}}"#
        )
        let patch = try PatchRegistryBody(decoding: JSONValue(parsing: #"{"description":"d","display_name":null}"#))
        let patched = try patch.apply(to: registry, .second)
        #expect(patched.metadata.version == 2 && patched.displayName == "T" && patched.description == "d")
        #expect(try patch.apply(to: patched, .second) == patched)
        let merge = try PatchRegistryBody(decoding: JSONValue(parsing: #"{"display_name":null}"#), isMergePatch: true)
        #expect(try merge.apply(to: patched, .second).displayName == "")
        #expect(throws: ValidationError.self) { try CreateRegistryBody(decoding: ["slug": "team", "profiles": [:]]) }
        #expect(throws: ValidationError.self) { try CreateRegistryBody(decoding: [:]) }
        #expect(throws: ValidationError.self) {
            try PatchRegistryBody(decoding: ["slug": "other"]).apply(to: registry, .second)
        }
    }

    @Test func `the body of set-default is strict and may be empty`() throws {
        #expect(try SetDefaultBody(decoding: nil).expectedVersion == nil)
        let body = try SetDefaultBody(decoding: ["registry": "Team", "expected_version": 4])
        #expect(body.registry?.rawValue == "team" && body.expectedVersion == 4)
        #expect(throws: ValidationError.self) { try SetDefaultBody(decoding: ["profile": "x"]) }
        #expect(throws: ValidationError.self) { try SetDefaultBody(decoding: ["registry": "a b"]) }
        #expect(throws: ValidationError.self) { try SetDefaultBody(decoding: ["expected_version": "4"]) }
    }
}
