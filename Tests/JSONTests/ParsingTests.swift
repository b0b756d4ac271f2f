import GatewayTestSupport
import JSON
import Testing

@Suite struct ParsingTests {
    /// Documents every RFC 8259 reader must take, with their canonical form.
    @Test(arguments: [
        ("null", "null"), (" true ", "true"), ("false\n", "false"), ("\"\"", "\"\""), ("0", "0"), ("-0", "-0"),
        ("[]", "[]"), ("{}", "{}"), ("[1, 2 ,3]", "[1,2,3]"), ("{\"b\":1,\"a\":[{}]}", "{\"a\":[{}],\"b\":1}"),
        ("\"\\u0041\\n\\/\\\"\"", "\"A\\n/\\\"\""), ("\"\\uD83D\\uDE00\"", "\"😀\""), ("\"\\u0000\"", "\"\\u0000\""),
        ("\"é\"", "\"é\""), ("\"\\u001f\\u007f\"", "\"\\u001f\u{7f}\""), ("[1E+2,1e-2,-1.5E0]", "[1E+2,1e-2,-1.5E0]"),
        ("\t\r\n[ \t\r\n]", "[]"), ("{\"\":0}", "{\"\":0}"), ("\"\u{FFFF}\"", "\"\u{FFFF}\""),
        ("\"\u{10FFFF}\"", "\"\u{10FFFF}\""), ("\"12345678\\\"12345678\"", "\"12345678\\\"12345678\""),
    ])
    func `reads well-formed documents`(_ text: String, _ canonical: String) throws {
        let value = try JSONValue(parsing: text)
        #expect(String(decoding: value.canonical(), as: UTF8.self) == canonical)
        #expect(try JSONValue(parsing: value.encoded()) == value)
        #expect(try JSONValue(parsing: value.pretty()) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "{1:2}", "01", "-", "-01", "+1", "1.", ".1", "1e",
        "1e+", "1.e1", "0x10", "NaN", "Infinity", "-Infinity", "1_000", "\"", "\"abc", "\"\\", "\"\\x41\"", "\"\\u12\"",
        "\"\\u12G4\"", "\"\t\"", "\"\n\"", "\"\u{00}\"", "\u{FEFF}{}", "// c\n1", "/* c */ 1", "[1]x", "[1]]", "1 2",
        "{} {}", "\"a\" \"b\"", "[\"a\",\n4\n,1,", "{\"a\":\"b\"}#", "tru", "fals", "--1", "1-1", "[-]", "\u{0C}1",
        "\u{A0}1", "\"\\uD800\\u\"", "[\"\\u\"]", "\"\\U0041\"", "{\"a\" 1}", "{\"a\"::1}", "[:]", "{[]:1}", "nan",
        "-a",
    ])
    func `refuses malformed documents`(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test(arguments: [
        "9007199254740993", "1.10", "1e400", "-0.0", "1E5", "0.1000000000000000055511151231257827",
        "123456789012345678901234567890",
    ])
    func `keeps numbers exactly as written`(_ text: String) throws {
        let value = try JSONValue(parsing: "{\"n\":\(text)}")
        #expect(value["n"]?.numberValue?.text == text)
        #expect(String(decoding: value.encoded(), as: UTF8.self) == "{\"n\":\(text)}")
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, "a", 7), (#"{"a":1,"\u0061":2}"#, "a", 7), (#"{"x":{"k":1,"k":1}}"#, "x.k", 12),
        (#"[{"\/":1,"/":2}]"#, "[0]./", 9),
    ])
    func `refuses duplicate keys, compared unescaped`(_ text: String, _ path: String, _ offset: Int) throws {
        let error = try #require(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error.path == path)
        #expect(error.offset == offset)
        #expect(error.description.contains("duplicate key"))
    }

    @Test func `refuses a duplicate among very many keys`() {
        let members = (0..<5000).map { "\"k\($0)\":\($0)" } + ["\"k4321\":0"]
        let error = #expect(throws: JSONError.self) {
            try JSONValue(parsing: "{" + members.joined(separator: ",") + "}")
        }
        #expect(error?.path == "k4321")
    }

    @Test func `keeps two Unicode forms of one key apart`() throws {
        let value = try JSONValue(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value.objectValue?.count == 2)
        #expect(value["\u{E9}"] == 1)
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
    }

    @Test(arguments: [
        #""\uD800""#, #""\uDC00""#, #""\uD800x""#, #""\uD800\n""#, #""\uDC00\uD800""#, #""\uD800\uD800""#,
        #"{"\uDFFF":1}"#,
    ])
    func `refuses lone surrogates`(_ text: String) throws {
        let error = try #require(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error.reason == "lone surrogate in a string")
    }

    @Test(
        arguments: [
            ([0x22, 0xFF, 0x22], 1), ([0x22, 0xC0, 0xAF, 0x22], 1), ([0x22, 0xE0, 0x80, 0x80, 0x22], 1),
            ([0x22, 0xED, 0xA0, 0x80, 0x22], 1), ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 1),
            ([0x22, 0x61, 0xE2, 0x82, 0x22], 2),
            ([0x22, 0x80, 0x22], 1), ([0x22, 0xC3], 1), ([0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22], 1),
            (Array(repeating: 0x20, count: 40) + [0xC1, 0x81], 40),
        ] as [([UInt8], Int)])
    func `refuses invalid UTF-8 at its byte`(_ bytes: [UInt8], _ offset: Int) throws {
        let error = try #require(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        #expect(error.reason == "invalid UTF-8")
        #expect(error.offset == offset)
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `takes 64 levels and refuses 65`(_ opening: String) throws {
        let closing = opening == "[" ? "]" : "}"
        func nested(_ depth: Int) -> String {
            String(repeating: opening, count: depth) + (opening == "[" ? "" : "1")
                + String(repeating: closing, count: depth)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(64)) }
        let error = try #require(throws: JSONError.self) { try JSONValue(parsing: nested(65)) }
        #expect(error.reason == "nested deeper than 64 levels")
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: opening, count: 1_000_000)) }
    }

    @Test func `names the path and the byte of an error`() throws {
        let error = try #require(throws: JSONError.self) {
            try JSONValue(parsing: #"{"runtime":{"middlewares":[{"name":1},{"name":tru}]}}"#)
        }
        #expect(error.path == "runtime.middlewares[1].name")
        #expect(error.offset == 46)
        #expect(error.description == "invalid JSON at byte 46 (runtime.middlewares[1].name): expected a JSON value")
    }

    @Test func `never crashes on random bytes, and what it accepts it can write and read again`() {
        var random = SeededRandom(seed: 20261123)
        let alphabet = Array(#"{}[]",:\u0aDd8 1.-eE+truefalsn"#.utf8) + [0x0A, 0x00, 0xC3, 0xA9, 0xFF, 0xED]
        var accepted = 0
        for _ in 0..<60_000 {
            let length = Int.random(in: 0..<24, using: &random)
            let bytes = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            accepted += 1
            #expect((try? JSONValue(parsing: value.encoded())) == value)
        }
        #expect(accepted > 100)
    }

    @Test func `never crashes on mutations of a real document`() throws {
        var random = SeededRandom(seed: 7)
        let document = Array(
            #"{"slug":"a","runtime":{"tools":["x","\u00e9\ud83d\ude00"],"n":[1.5e3,-2,true,null]}}"#.utf8)
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = document
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if (try? JSONValue(parsing: bytes)) == nil { refused += 1 }
        }
        #expect(refused > 10_000 && refused < 20_000)
    }
}
