import Bundles
import JSON
import Testing

@Suite struct YAMLReadingTests {
    @Test(arguments: [
        ("9007199254740993", "9007199254740993"), ("1.10", "1.10"), ("1e400", "1e400"), ("-0", "-0"),
        ("0o17", "15"), ("0x1F", "31"), ("+5", "5"), ("007", "7"), (".5", "0.5"), ("5.", "5.0"), ("-.5e3", "-0.5e3"),
        ("no", "\"no\""), ("on", "\"on\""), ("Yes", "\"Yes\""), ("1_000", "\"1_000\""), ("1:30", "\"1:30\""),
        ("2026-02-23", "\"2026-02-23\""), ("0b11", "\"0b11\""), ("0o8", "\"0o8\""), ("1.2.3", "\"1.2.3\""),
        ("-", "[null]"), ("+", "\"+\""), ("e5", "\"e5\""), ("0x", "\"0x\""), ("1e", "\"1e\""), ("0o-1", "\"0o-1\""),
        ("~", "null"), ("Null", "null"), ("TRUE", "true"), ("'1'", "\"1\""), ("\"true\"", "\"true\""),
        ("!!str 12", "\"12\""), ("!!int \"12\"", "12"), ("!!float 1", "1"), ("! 12", "\"12\""),
        ("|\n  a\n  b\n", "\"a\\nb\\n\""), (">-\n  a\n  b", "\"a b\""), ("\"\\0\\u00e9\"", "\"\\u0000é\""),
    ])
    func `scalars mean what YAML 1.2's core schema says`(_ text: String, _ expected: String) throws {
        #expect(try value(text).text == expected)
    }

    @Test(arguments: [
        ("a: [", "did not find expected node content", 2),
        ("a: 1\nb: 2\na: 3", "\"a\" is given more than once, first in line 1", 3),
        ("a: {b: 1, b: 2}", "\"b\" is given more than once", 1), ("? [a]\n: 1", "a key must be text", 1),
        ("a: *b", "names nothing before it", 1), ("a: &a [*a]", "inside of what it names", 1),
        ("a: 1\n---\nb: 2", "a second document begins here", 2), ("a: !point 1", "is not known here", 1),
        ("a: !!int x", "is no int", 1), ("a: .inf", "JSON does not have", 1), ("a:\n\tb: 1", "", 2),
        ("a: \"\u{7}\"", "control characters", 1), ("<<: 5", "takes a mapping", 1),
        ("a: %", "", 1), ("a: 'x", "", 1),
    ])
    func `mistakes are refused with their line`(_ text: String, _ reason: String, _ line: Int) throws {
        let error = try #require(throws: YAMLError.self) { try value(text) }
        #expect(error.description.contains(reason), "\(error)")
        #expect(error.line == line || reason.contains("expected node"), "\(error)")
    }

    @Test func `what is not UTF-8 is refused, a byte order mark is not`() throws {
        #expect(throws: YAMLError.self) { try YAMLNode.parse([0x61, 0x3A, 0x20, 0xFF, 0xFE]) }
        #expect(try YAMLNode.parse([0xEF, 0xBB, 0xBF] + Array("a: 1".utf8))?.json == ["a": 1])
        #expect(throws: YAMLError.self) { try YAMLNode.parse([0xFF, 0xFE, 0x61, 0x00]) }
    }

    @Test func `aliases share values and merge keys fill in what is missing`() throws {
        let text = """
            base: &base {a: 1, b: 2}
            other: &other {b: 3, c: 4}
            one: {<<: *base, b: 9}
            two: {<<: [*base, *other], d: 5}
            three: {"<<": 1}
            list: [*base, *base]
            """
        let read = try value(text)
        #expect(read["one"] == ["a": 1, "b": 9])
        #expect(read["two"] == ["a": 1, "b": 2, "c": 4, "d": 5])
        #expect(read["three"] == ["<<": 1])
        #expect(read["list"]?[1] == ["a": 1, "b": 2])
    }

    @Test func `a billion laughs are not funny`() throws {
        var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...12 {
            let inner = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(inner)]\n"
        }
        let error = try #require(throws: YAMLError.self) { try value(text) }
        #expect(error.reason.contains("aliases counted"))
        // The same inside of a key, which a parser that compares keys by value would never finish.
        #expect(throws: YAMLError.self) {
            try value(text.split(separator: "\n")[0...4].joined(separator: "\n") + "\n? *a4\n: 1")
        }
    }

    @Test func `a long text named often counts as often`() throws {
        let text =
            "a: &a " + String(repeating: "x", count: 1 << 20) + "\nb: ["
            + Array(repeating: "*a", count: 200).joined(separator: ",") + "]"
        #expect(throws: YAMLError.self) { try value(text) }
    }

    @Test(arguments: ["[", "- ", "{a: ", "? "])
    func `nesting has a bound and no text reaches our stack`(_ opening: String) throws {
        #expect(throws: YAMLError.self) { try value(String(repeating: opening, count: 100_000)) }
    }

    @Test func `64 levels are fine, 65 are not, aliases counted`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try value(nested(64))
        let error = try #require(throws: YAMLError.self) { try value(nested(65)) }
        #expect(error.reason.contains("deeper than 64"))
        _ = try value("a: &a \(nested(40))\nb: [[*a]]")
        #expect(throws: YAMLError.self) { try value("a: &a \(nested(40))\nb: \(String(repeating: "[", count: 30))*a") }
    }
}
