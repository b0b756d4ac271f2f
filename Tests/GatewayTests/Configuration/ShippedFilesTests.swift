@testable import Gateway
import JSON
import Profiles
import Testing

/// The repository's own files, read from the disk.
private enum Repository {
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(
        separator: "/")

    static func text(_ path: String) throws -> String {
        try #require(try DiskFiles().configurationFile("\(root)/\(path)"))
    }
}

@Suite struct ShippedFilesTests {
    private static let secrets = [
        "GATEWAY_KEY": "k", "OPENAI_API_KEY": "k", "ACME_OPENAI_KEY": "k", "ANTHROPIC_API_KEY": "k",
    ]

    @Test func `the shipped configuration sets nothing`() throws {
        let loaded = try load(Repository.text("config/gateway.yaml"))
        #expect(loaded.report.rows.allSatisfy { $0.origin == .builtIn })
    }

    @Test func `uncommented it loads, and shows every setting there is`() throws {
        let lines = try Repository.text("config/gateway.yaml").split(separator: "\n", omittingEmptySubsequences: false)
        let settings = lines.map { line in
            line.hasPrefix("#  ") || (line.hasPrefix("#") && !line.hasPrefix("# ")) ? line.dropFirst() : line
        }.joined(separator: "\n")
        let loaded = try load(settings, environment: Self.secrets)
        #expect(loaded.warnings == [])
        let shown = Set(loaded.report.rows.filter { $0.origin != .builtIn }.map { $0.path[0] })
        let all = Set(loaded.report.rows.map { $0.path[0] })
        #expect(shown == all)
        #expect(loaded.configuration.upstreams.map(\.name) == ["openai", "local", "echo"])
    }

    @Test(arguments: ["config/examples/openai.yaml", "config/examples/local.yaml"])
    func `an example configuration loads without a warning`(path: String) throws {
        let loaded = try load(Repository.text(path), environment: Self.secrets)
        #expect(loaded.warnings == [])
        #expect(loaded.configuration.upstreams.contains { $0.api == .openai && $0.baseURL != nil })
    }

    @Test func `the example bundle holds valid registries and profiles`() throws {
        let text = try Repository.text("config/registries/teams.yaml")
        let bundle = try YAMLText.parse(text) { .file(path: "teams.yaml", line: $0, column: $1) }.json
        let registries = try #require(bundle["registries"]?.objectValue)
        #expect(Array(registries.keys) == ["team", "sandbox"])
        for (slug, document) in registries {
            let decoded = try RegistryDocument(document: document, rowSlug: RegistrySlug(validating: slug))
            #expect(!decoded.profiles.isEmpty)
            try decoded.validate()
        }
    }
}
