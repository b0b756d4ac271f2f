import Bundles
import JSON
import Profiles
import Testing

@Suite struct LargeDocumentTests {
    @Test func `a line is found among thousands of keys, merged ones too`() throws {
        let profiles = (0..<3_000).map { "    p\($0): {}\n" }.joined()
        let text = "base: &base\n  merged: {}\nregistries:\n  team:\n   profiles:\n    <<: *base\n" + profiles
        let bundle = try yaml(text)
        let team = RegistrySlug(normalised: "team")
        #expect(bundle.line(of: "registry.profiles[p0].stack[0]", in: team) == 7)
        #expect(bundle.line(of: "registry.profiles[p2999]", in: team) == 3_006)
        #expect(bundle.line(of: "registry.profiles[merged].runtime", in: team) == 2)
        #expect(bundle.line(of: "registry.profiles[nobody]", in: team) == 5)
        #expect(bundle.problems.map(\.path) == ["base"])
    }

    @Test func `a document that is wrong all over is told the first 200 problems`() throws {
        let profiles = (0..<700).map { "  p\($0): {a: 1, b: 2}\n" }.joined()
        let bundle = try yaml("slug: team\nprofiles:\n" + profiles)
        #expect(bundle.problems.count == 201)
        #expect(bundle.problems[199].path == "registry.profiles[p99].b" && bundle.problems[199].line == 102)
        #expect(bundle.problems[200].reason == "there are more problems, which are not listed")
        #expect(bundle.problems[200].path == "")
    }

    @Test func `JSON holds a million values at most, as YAML does`() throws {
        let text = #"{"slug":"a","x":["# + String(repeating: "0,", count: 999_996)
        #expect(try json(text + "0]}").problems.map(\.path) == ["registry.x"])
        let error = #expect(throws: BundleError.self) { try json(text + "0,0]}") }
        #expect(error?.description.contains("more than 1000000 values") == true)
    }

    private func nested(_ depth: Int) -> JSONValue {
        // A profile, its extensions, and the value of one.
        var value: JSONValue = .array([])
        for _ in 3..<depth { value = .array([value]) }
        return ["extensions": ["a.b@v1": value]]
    }

    @Test(arguments: [BundleSyntax.yaml, .json], [false, true])
    func `a profile may nest in a document as deep as alone, and no deeper`(_ syntax: BundleSyntax, inBundle: Bool)
        throws
    {
        func read(_ depth: Int) throws -> Bundle {
            let registry: JSONValue = ["slug": "team", "profiles": ["p": nested(depth)]]
            let document: JSONValue = inBundle ? ["registries": ["team": registry]] : registry
            return try BundleReader().read(BundleWriter.encode(document, as: syntax), as: syntax)
        }
        let bundle = try read(64)
        #expect(bundle.problems == [])
        let again = BundleWriter.encode(BundleWriter.bundle(of: bundle.documents), as: syntax)
        #expect(try BundleReader().read(again, as: syntax).documents == bundle.documents)
        // What is too deep for a bundle is no document at all.
        guard !inBundle else { return }
        let deeper = try read(65)
        #expect(deeper.problems.map(\.path) == ["registry.profiles[p]"])
        #expect(deeper.problems.first?.reason == "nests deeper than 64 levels")
    }
}
