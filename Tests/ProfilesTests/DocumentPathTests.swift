import JSON
import Profiles
import Testing

struct DocumentPathTests {
    private func steps(_ path: String, _ document: JSONValue) -> [DocumentStep] {
        DocumentPath.steps(path, in: document).steps
    }

    @Test func `keys are found as they are written, in brackets, after a dot, with dots in them`() {
        let document: JSONValue = [
            "profiles": ["a.b": ["x": [1, ["y": 2]]], "7": [:]], "extensions": ["vendor.x@v1": ["k[0]": 1]],
        ]
        #expect(
            steps("profiles[a.b].x[1].y", document) == [
                .member("profiles"), .member("a.b"), .member("x"), .element(1), .member("y"),
            ])
        #expect(steps("profiles[7]", document) == [.member("profiles"), .member("7")])
        #expect(steps("extensions.vendor.x@v1", document) == [.member("extensions"), .member("vendor.x@v1")])
        #expect(steps("extensions[vendor.x@v1].k[0]", document).last == .member("k[0]"))
    }

    @Test(arguments: [" Agent ", "AGENT", "agent", "\t.agent", "ÄGENT", "\u{A0}agent"])
    func `keys are found by the spelling that errors have`(_ key: String) {
        let shown = key == "ÄGENT" ? "ägent" : key == "\t.agent" ? ".agent" : "agent"
        let document: JSONValue = ["profiles": .object([key: ["slug": 1], "other": [:]])]
        #expect(steps("profiles[\(shown)].slug", document) == [.member("profiles"), .member(key), .member("slug")])
    }

    @Test func `a long key is found by the excerpt of it that errors show`() {
        let key = String(repeating: "k", count: 500)
        let document: JSONValue = .object(["short": 1, key: ["x": 1]])
        #expect(steps(FieldPath.excerpt(key) + ".x", document) == [.member(key), .member("x")])
    }

    @Test(arguments: ["", ".", "[", "[]", "[0]", "a.b", "a[", "z", "..a"])
    func `a path that leads nowhere ends at what encloses the culprit`(_ path: String) {
        let found = steps(path, ["a": [1]])
        #expect(found == (path.hasPrefix("a") ? [.member("a")] : []))
    }

    @Test func `of a very large document fewer problems are found`() {
        func problems(_ count: Int) -> Int {
            let document = JSONValue.object((0..<count).reduce(into: JSONObject()) { $0["k\($1)"] = 1 })
            return ProblemPeeler.decode(document) { value throws(ValidationError) in
                if let key = value.objectValue?.keys.first { throw ValidationError(field: key, reason: "no") }
            }.problems.count
        }
        #expect([50, 150, 7_999, 100_000].map(problems) == [50, 100, 50, 10])
    }

    @Test func `no more problems are looked for than are wanted, and the first is always told`() {
        let document: JSONValue = .object(["x1": 1, "x2": 2, "x3": 3])
        func problems(_ limit: Int) -> Int {
            ProblemPeeler.decode(document, limit: limit) { value throws(ValidationError) in
                if let key = value.objectValue?.keys.first { throw ValidationError(field: key, reason: "no") }
            }.problems.count
        }
        #expect([0, 1, 2, 3, 9].map(problems) == [1, 1, 2, 3, 3])
    }

    @Test(arguments: [(40, 40), (20_000, 20)])
    func `repetitions are not told one by one, and not all gone through in a large document`(count: Int, passes: Int) {
        let document: JSONValue = ["ids": .array(Array(repeating: "same", count: count))]
        var decoded = 0
        let (_, problems) = ProblemPeeler.decode(document) { value throws(ValidationError) in
            decoded += 1
            guard value["ids"]?.arrayValue?.count ?? 0 > 1 else { return }
            throw ValidationError(field: "ids[1]", reason: "duplicate id (first seen at ids[0])")
        }
        #expect(problems.map(\.field) == ["ids[1]"])
        #expect(decoded == passes)
    }
}
