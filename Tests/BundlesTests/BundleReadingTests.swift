import Bundles
import JSON
import Profiles
import Testing

@Suite struct BundleReadingTests {
    @Test func `YA-1 a legacy map becomes one registry`() throws {
        let text = """
            default: {ai-chat: {ai-engine: gpt-4o-mini}}
            gemini-2.5-pro: {ai-chat: {ai-engine: gemini-2.5-pro, ai-max-response-tokens: 1000}}
            """
        let bundle = try yaml(text, registry: "team")
        #expect(bundle.format == .legacyMap)
        #expect(bundle.problems == [])
        let document = try #require(bundle.completed.first)
        #expect(document.registry.slug.rawValue == "team")
        #expect(document.registry.defaultProfileSlug?.rawValue == "default")
        #expect(document.profiles.map(\.slug.rawValue) == ["default", "gemini-2.5-pro"])
        #expect(
            document.profiles[1].runtime.stepSettingsPatch.value?["ai-chat"]?["ai-engine"] == "gemini-2.5-pro")
    }

    @Test func `YA-1 without a profile called default the first by name is it`() throws {
        #expect(try yaml("zeta: {}\nbeta: {}").completed.first?.registry.defaultProfileSlug?.rawValue == "beta")
    }

    @Test func `YA-2 a bundle keeps slugs and defaults`() throws {
        let text = """
            registries:
              team:
                slug: team
                default_profile_slug: analyst
                profiles:
                  analyst: {slug: analyst, runtime: {system_prompt: You analyse.}}
                  other: {}
            """
        let bundle = try yaml(text)
        #expect(bundle.format == .bundle)
        #expect(bundle.problems == [])
        #expect(bundle.documents.map(\.registry.slug.rawValue) == ["team"])
        #expect(bundle.documents[0].registry.defaultProfileSlug?.rawValue == "analyst")
        #expect(bundle.documents[0].profiles.map(\.slug.rawValue) == ["analyst", "other"])
    }

    @Test func `JSON has the same three forms`() throws {
        #expect(try json(#"{"registries":{"a":{"profiles":{"p":{}}}}}"#).format == .bundle)
        #expect(try json(#"{"slug":"a","profiles":{"p":{}}}"#).format == .singleRegistry)
        #expect(try json(#"{"p":{"ai-chat":{"ai-engine":"x"}}}"#).format == .legacyMap)
        #expect(try json("{}").format == .empty)
        #expect(try json("[1]").problems.count == 1)
        #expect(throws: BundleError.self) { try json(#"{"slug":"a"} x"#) }
    }

    @Test func `a profile that cannot be read is known by its name`() throws {
        let bundle = try yaml("slug: team\nprofiles:\n  RO: 5\n  fine: {}\n  bad key: 5\n")
        let team = RegistrySlug(normalised: "team")
        #expect(bundle.unreadable == [team: [ProfileSlug(normalised: "ro")]])
        #expect(bundle.problems.map(\.path) == ["registry.profiles[ro]", "registry.profiles[bad key]"])
        #expect(try yaml("ro: 5\nfine: {}", registry: "team").unreadable == [team: [ProfileSlug(normalised: "ro")]])
    }

    @Test func `SL-8 slugs are normalised, invalid ones are errors`() throws {
        let bundle = try yaml("registries: {Work: {profiles: {Agent: {}, 123: {}}}}")
        #expect(bundle.problems == [])
        #expect(bundle.documents[0].registry.slug.rawValue == "work")
        #expect(bundle.documents[0].profiles.map(\.slug.rawValue) == ["123", "agent"])
        let wrong = try yaml("registries:\n  ok:\n    profiles:\n      bad slug: {}\n  bad slug: {}")
        #expect(wrong.problems.map(\.path).sorted() == ["registry.profiles[bad slug]", "registry.slug"])
        #expect(wrong.problems.map(\.line).sorted { $0 ?? 0 < $1 ?? 0 } == [4, 5])
    }

    @Test(arguments: [
        ("registries: [1]", "registries", "registries must be a mapping", 1),
        ("registries:\n  a: 5", "registry", "registry \"a\" must be a mapping, not a number", 2),
        ("registries:\n  a: {slug: b}", "registry.slug", "slug mismatch: the key is \"a\", the document says \"b\"", 2),
        ("registries: {}\nother: 1", "other", "unknown field \"other\" beside registries", 2),
        ("default: 7", "registry.profiles[default]", "legacy profile \"default\" must map to section settings", 1),
        ("slug: a\nprofiles:\n  Default: null", "registry.profiles[default]", "must not be nil", 3),
        (
            "slug: a\nprofiles:\n  default:\n    slug: agent", "registry.profiles[default].slug",
            "map key and profile slug must match", 4
        ),
        (
            "slug: a\nprofiles:\n  x:\n    runtime:\n      tools: [a,\n        ' ']",
            "registry.profiles[x].runtime.tools[1]",
            "must not be empty", 6
        ),
        (
            "slug: a\nprofiles: {x: {}, X: {}}", "registry.profiles[x]",
            "two keys are the same slug after normalization", 2
        ),
        ("slug: a\nmetadata: {tags: x}", "registry.metadata.tags", "must be an array", 2),
        ("- a", "", "the document must be a mapping, not an array", 1),
    ])
    func `problems name path and line`(_ text: String, _ path: String, _ reason: String, _ line: Int) throws {
        let problem = try #require(try yaml(text).problems.first)
        #expect(problem.path == path)
        #expect(problem.reason == reason)
        #expect(problem.line == line || path.isEmpty)
    }

    @Test func `every problem is found, also behind others in the same profile and list`() throws {
        let text = """
            slug: team
            display_nam: x
            default_profile_slug: a b
            profiles:
              one:
                display_name: [1]
                sytem: 2
                runtime:
                  tools: [ok, [], 5, {}]
                  middlewares:
                    - {name: ' '}
                    - {name: agentmode, id: a, enabld: true}
                    - {name: agentmode, id: ''}
                  step_settings_patch: 7
                policy: {read_only: 1}
                extensions: {bad key: 1, worse key: 2}
                stack:
                  - {profile_slug: x}
                  - {registry_slug: a b, profile_slug: x}
                  - {}
              two: null
              three: {policy: {on_denied: maybe}}
            """
        let problems = try yaml(text).problems
        let found = problems.map { "\($0.line ?? 0) \($0.path)" }
        let entry = "registry.profiles[one]"
        #expect(
            Set(found) == [
                "2 registry.display_nam", "3 registry.default_profile_slug", "6 \(entry).display_name",
                "7 \(entry).sytem", "9 \(entry).runtime.tools[1]", "9 \(entry).runtime.tools[3]",
                "11 \(entry).runtime.middlewares[0].name", "12 \(entry).runtime.middlewares[1].enabld",
                "13 \(entry).runtime.middlewares[2].id", "14 \(entry).runtime.step_settings_patch",
                "15 \(entry).policy.read_only", "16 \(entry).extensions[bad key]",
                "16 \(entry).extensions[worse key]", "19 \(entry).stack[1].registry_slug",
                "20 \(entry).stack[2].profile_slug", "21 registry.profiles[two]",
                "22 registry.profiles[three].policy.on_denied",
            ], "\(found)")
    }

    @Test func `text places take scalars as written, other places keep numbers`() throws {
        let text = """
            slug: 2026
            display_name: 1.10
            profiles:
              7: {runtime: {system_prompt: no, tools: [1]}, extensions: {app.note@v1: [no, 0o17, 1_000, 1.10]}}
            """
        let document = try #require(try yaml(text).documents.first)
        #expect(document.registry.slug.rawValue == "2026")
        #expect(document.registry.displayName == "1.10")
        #expect(document.profiles[0].runtime.systemPrompt == .set("no"))
        #expect(document.profiles[0].runtime.tools == .set(["1"]))
        #expect(document.profiles[0].extensions["app.note@v1"]?.text == #"["no",15,"1_000",1.10]"#)
    }

    @Test func `YA-8 a malformed bundle is an error about YAML`() throws {
        let error = try #require(throws: BundleError.self) { try yaml("registries:\n  team: [") }
        #expect("\(error)".contains("YAML"))
    }

    @Test func `YA-10 the strict reader takes one registry with a slug and nothing else`() throws {
        func only(_ text: String) throws -> BundleProblem { try #require(try yaml(text, strict: true).problems.first) }
        #expect(try only("registries: {a: {}}").message.contains("top-level registries is not supported"))
        #expect(try only("registries: {a: {}}").path == "registry")
        #expect(try only("default: {ai-chat: {}}").message.contains("legacy profile-map format is not supported"))
        #expect(
            try only("slug: a\ndefault_profile_slug: x\nprofiles: {x: {}}").path == "registry.default_profile_slug")
        #expect(
            try only("profiles: {x: {}}").message
                == "validation error (registry.slug): must be set for runtime YAML sources")
        let accepted = try yaml("slug: team\nprofiles: {zeta: {}, beta: {}}", strict: true)
        #expect(accepted.problems == [])
        #expect(accepted.completed.first?.registry.defaultProfileSlug?.rawValue == "beta")
        #expect(
            try yaml("slug: t\nprofiles: {a: {}, default: {}}", strict: true).completed.first?.registry
                .defaultProfileSlug == .default)
    }

    @Test func `a document beyond the limit is refused before it is looked at`() throws {
        var reader = BundleReader()
        reader.maximumBytes = 10
        #expect(throws: BundleError.tooLarge(bytes: 11, limit: 10)) {
            try reader.read(Array("a: 12345678".utf8), as: .yaml)
        }
    }
}
