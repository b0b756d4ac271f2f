import GatewayTestSupport
import Testing

@testable import JSON

struct PatchTests {
    @Test(arguments: [
        (#"{"a":1}"#, #"{"a":1}"#, "[]"),
        (#"{"a":1}"#, #"{"a":2}"#, #"[{"op":"replace","path":"/a","value":2}]"#),
        (#"{"a":1}"#, #"{"b":1}"#, #"[{"op":"remove","path":"/a"},{"op":"add","path":"/b","value":1}]"#),
        (#"{"a":{"b":[1]}}"#, #"{"a":{"b":{}}}"#, #"[{"op":"replace","path":"/a/b","value":{}}]"#),
        ("[1,2,3]", "[0,1,2,3]", #"[{"op":"add","path":"/0","value":0}]"#),
        ("[1,2,3]", "[1,3]", #"[{"op":"remove","path":"/1"}]"#),
        (#"[{"k":1,"l":1},9]"#, #"[{"k":1,"l":2},9]"#, #"[{"op":"replace","path":"/0/l","value":2}]"#),
        (
            #"{"a/b":1,"m~n":1,"":1}"#, "{}",
            #"[{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/m~0n"},{"op":"remove","path":"/"}]"#
        ),
        ("1", "null", #"[{"op":"replace","path":"","value":null}]"#),
        (#"{"a":null}"#, "{}", #"[{"op":"remove","path":"/a"}]"#),
        ("[1.1]", "[1.10]", #"[{"op":"replace","path":"/0","value":1.10}]"#),
        (#"["é"]"#, "[\"e\u{301}\"]", "[{\"op\":\"replace\",\"path\":\"/0\",\"value\":\"e\u{301}\"}]"),
    ])
    func `a difference is the operations a person would write`(old: String, new: String, expected: String) throws {
        let patch = JSONPatch.difference(from: try JSONValue(parsing: old), to: try JSONValue(parsing: new))
        #expect(String(decoding: patch.encoded(), as: UTF8.self) == expected)
    }

    @Test func `applied to the old value, a difference gives the new one, in 20,000 cases`() throws {
        var random = SeededRandom(seed: 6902)
        for round in 0..<20_000 {
            let old = JSONValue.arbitrary(depth: 4, &random)
            let new = round % 4 == 0 ? JSONValue.arbitrary(depth: 4, &random) : old.mutated(&random)
            let patch = JSONPatch.difference(from: old, to: new)
            guard try old.applying(patch) == new else {
                Issue.record("round \(round): \(String(decoding: old.encoded(), as: UTF8.self))")
                return
            }
            #expect((patch == .array([])) == (old == new))
        }
    }

    private func lists(_ count: Int, of length: Int, keyed: String, _ value: (Int) -> Int) -> JSONValue {
        var object = JSONObject()
        for number in 0..<count {
            object["\(keyed)\(number)"] = .array((0..<length).map { .number(JSONNumber(value($0 + number))) })
        }
        return .object(object)
    }

    @Test func `arrays that differ all over are replaced once there were many of them`() throws {
        var random = SeededRandom(seed: 500)
        let old = lists(500, of: 1_000, keyed: "a") { _ in random.next(below: 10) }
        let new = lists(500, of: 1_000, keyed: "a") { _ in random.next(below: 10) }
        let patch = JSONPatch.difference(from: old, to: new)
        #expect(try old.applying(patch) == new)
        #expect(patch.encoded().count < 2 * new.encoded().count + (4 << 20))
        #expect(patch.arrayValue?.last?["op"] == "replace" && patch.arrayValue?.last?["path"] == "/a499")
    }

    @Test func `a difference is not longer for long keys than the value that replaces it`() throws {
        let key = String(repeating: "k", count: 10_000)
        let old: JSONValue = .object([key: lists(1_000, of: 1, keyed: "a") { _ in 1 }])
        let new: JSONValue = .object([key: lists(1_000, of: 1, keyed: "a") { _ in 2 }])
        #expect(JSONPatch.difference(from: old, to: new) == [["op": "replace", "path": "", "value": new]])
        #expect(JSONPatch.difference(from: old, to: old) == [])
    }

    @Test func `the lines of every hunk are counted from the beginning`() throws {
        let old = (0..<200).map { "\($0)" }
        let new = old.enumerated().flatMap { $0.offset % 50 == 20 ? ["new", $0.element] : [$0.element] }
        let text = UnifiedDiff.text(from: old.asLines, named: "o", to: new.asLines, named: "n")
        #expect(
            text.split(separator: "\n").filter { $0.hasPrefix("@@") } == [
                "@@ -18,6 +18,7 @@", "@@ -68,6 +69,7 @@", "@@ -118,6 +120,7 @@", "@@ -168,6 +171,7 @@",
            ])
        #expect(try old.applying(unified: text) == new)
    }

    @Test func `a unified diff is what diff -u writes`() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"
        let new = "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\n"
        #expect(
            UnifiedDiff.text(from: Array(old.utf8), named: "x@1", to: Array(new.utf8), named: "x@2") == """
                --- x@1
                +++ x@2
                @@ -1,5 +1,5 @@
                 a
                -b
                +B
                 c
                 d
                 e
                @@ -8,3 +8,4 @@
                 h
                 i
                 j
                +k

                """)
        #expect(
            UnifiedDiff.text(from: [], named: "o", to: Array("a\n".utf8), named: "n")
                == "--- o\n+++ n\n@@ -0,0 +1 @@\n+a\n")
        #expect(
            UnifiedDiff.text(from: Array("a\n".utf8), named: "o", to: [], named: "n")
                == "--- o\n+++ n\n@@ -1 +0,0 @@\n-a\n")
        #expect(UnifiedDiff.text(from: Array(old.utf8), named: "o", to: Array(old.utf8), named: "n") == "")
    }

    @Test func `a unified diff turns the old text into the new one, in 5,000 cases`() throws {
        var random = SeededRandom(seed: 1986)
        for round in 0..<5_000 {
            let old = (0..<random.next(below: 30)).map { _ in "\(random.next(below: 6))" }
            var new = old
            for _ in 0..<random.next(below: 6) {
                if !new.isEmpty && random.next(below: 2) == 0 {
                    new.remove(at: random.next(below: new.count))
                } else {
                    new.insert("\(random.next(below: 6))", at: random.next(below: new.count + 1))
                }
            }
            let text = UnifiedDiff.text(from: old.asLines, named: "o", to: new.asLines, named: "n")
            guard try old.applying(unified: text) == new else {
                Issue.record("round \(round): \(old) \(new)\n\(text)")
                return
            }
        }
    }

    @Test(arguments: [(0, 200), (200, 0), (300, 300), (3000, 3000)])
    func `sequences that share next to nothing are replaced in bounded time`(old: Int, new: Int) {
        let (left, right) = (Array(0..<old), Array(old..<old + new))
        let steps = EditScript.steps(from: [-1] + left, to: [-1] + right)
        #expect(steps.count == 1 + old + new)
        #expect(steps.first == .keep(old: 0, new: 0))
    }

    @Test func `the script is the shortest one`() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let old = (0..<random.next(below: 12)).map { _ in random.next(below: 3) }
            let new = (0..<random.next(below: 12)).map { _ in random.next(below: 3) }
            let kept = EditScript.steps(from: old, to: new).count { if case .keep = $0 { true } else { false } }
            #expect(kept == longestCommonSubsequence(old, new))
        }
    }

    private func longestCommonSubsequence(_ old: [Int], _ new: [Int]) -> Int {
        var table = [[Int]](repeating: [Int](repeating: 0, count: new.count + 1), count: old.count + 1)
        for (i, a) in old.enumerated() {
            for (j, b) in new.enumerated() {
                table[i + 1][j + 1] = a == b ? table[i][j] + 1 : max(table[i][j + 1], table[i + 1][j])
            }
        }
        return table[old.count][new.count]
    }
}

extension SeededRandom {
    fileprivate mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

extension Array<String> {
    fileprivate var asLines: [UInt8] { [UInt8]((joined(separator: "\n") + (isEmpty ? "" : "\n")).utf8) }

    /// What `patch` does; throws when a line of the diff is not where it says.
    fileprivate func applying(unified text: String) throws -> [String] {
        var (result, position): ([String], Int) = ([], 0)
        for line in text.split(separator: "\n").dropFirst(2) {
            let rest = String(line.dropFirst())
            switch line.first {
            case "@":
                let fields = line.split(separator: " ")[1].dropFirst().split(separator: ",")
                let start = try #require(Int(fields[0])) - (fields.count == 2 && fields[1] == "0" ? 0 : 1)
                result += self[position..<start]
                position = start
            case "+": result.append(rest)
            default:
                try #require(self[position] == rest)
                if line.first == " " { result.append(rest) }
                position += 1
            }
        }
        return result + self[position...]
    }
}

/// The other half of RFC 6902, as a client has it; only the tests need it.
extension JSONValue {
    fileprivate func applying(_ patch: JSONValue) throws -> JSONValue {
        try #require(patch.arrayValue).reduce(self) { value, operation in
            let path = try #require(operation["path"]?.stringValue)
            let tokens = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
                String($0).replacing("~1", with: "/").replacing("~0", with: "~")
            }
            return try value.changing(tokens[...], try #require(operation["op"]?.stringValue), operation["value"])
        }
    }

    private func changing(_ path: ArraySlice<String>, _ name: String, _ value: JSONValue?) throws -> JSONValue {
        guard let token = path.first else { return try #require(name == "replace" ? value : nil) }
        let isLast = path.count == 1
        switch self {
        case .object(var object):
            if !isLast {
                object[token] = try #require(object[token]).changing(path.dropFirst(), name, value)
            } else {
                try #require((object[token] == nil) == (name == "add"))
                if name != "remove" { _ = try #require(value) }
                object[token] = value
            }
            return .object(object)
        case .array(var array):
            let index = try #require(Int(token))
            if !isLast {
                array[index] = try array[index].changing(path.dropFirst(), name, value)
            } else if name == "add" {
                array.insert(try #require(value), at: index)
            } else if name == "remove" {
                array.remove(at: index)
            } else {
                array[index] = try #require(value)
            }
            return .array(array)
        default: return try #require(nil as JSONValue?)
        }
    }

    fileprivate static func arbitrary(depth: Int, _ random: inout SeededRandom) -> JSONValue {
        switch random.next(below: depth == 0 ? 4 : 7) {
        case 0: return .null
        case 1: return .bool(random.next(below: 2) == 0)
        case 2: return .number(JSONNumber(random.next(below: 5)))
        case 3: return .string(["", "a", "a/b", "m~n", "é", "e\u{301}"][random.next(below: 6)])
        case 4, 5:
            return .array((0..<random.next(below: 6)).map { _ in arbitrary(depth: depth - 1, &random) })
        default:
            var object = JSONObject()
            for _ in 0..<random.next(below: 5) {
                let key = ["a", "b", "", "a/b", "~1", "~", "é", "e\u{301}", "0"][random.next(below: 9)]
                object[key] = arbitrary(depth: depth - 1, &random)
            }
            return .object(object)
        }
    }

    /// The value with a few places changed.
    fileprivate func mutated(_ random: inout SeededRandom) -> JSONValue {
        switch self {
        case .array(var array):
            for _ in 0..<random.next(below: 3) {
                let index = random.next(below: array.count + 1)
                switch random.next(below: 3) {
                case 0: array.insert(.arbitrary(depth: 1, &random), at: index)
                case 1 where index < array.count: array.remove(at: index)
                case 2 where index < array.count: array[index] = array[index].mutated(&random)
                default: break
                }
            }
            return .array(array)
        case .object(var object):
            for key in object.keys.map({ $0 }) where random.next(below: 3) == 0 {
                object[key] = random.next(below: 3) == 0 ? nil : object[key]?.mutated(&random)
            }
            if random.next(below: 3) == 0 { object["new"] = .arbitrary(depth: 1, &random) }
            return .object(object)
        default: return random.next(below: 2) == 0 ? self : .arbitrary(depth: 1, &random)
        }
    }
}
