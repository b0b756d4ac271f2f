import JSON
import Testing

@Suite struct ValueTests {
    @Test func `equality ignores the order of members but not the spelling of numbers`() throws {
        let one = try JSONValue(parsing: #"{"a":1,"b":{"x":[1,2],"y":null}}"#)
        let other = try JSONValue(parsing: #"{"b":{"y":null,"x":[1,2]},"a":1}"#)
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one.canonical() == other.canonical())
        #expect(try JSONValue(parsing: "1.1") != JSONValue(parsing: "1.10"))
        #expect(try JSONValue(parsing: #"{"a":1}"#) != JSONValue(parsing: #"{"a":1,"b":2}"#))
    }

    @Test func `canonical form sorts keys by their bytes, the plain one keeps the order`() throws {
        let value = try JSONValue(parsing: #"{"b":1,"Z":2,"é":3,"a":{"2":0,"10":0}}"#)
        #expect(String(decoding: value.canonical(), as: UTF8.self) == #"{"Z":2,"a":{"10":0,"2":0},"b":1,"é":3}"#)
        #expect(String(decoding: value.encoded(), as: UTF8.self) == #"{"b":1,"Z":2,"é":3,"a":{"2":0,"10":0}}"#)
    }

    @Test func `pretty form indents by two blanks`() throws {
        let value: JSONValue = ["b": [1, []], "a": [:]]
        #expect(
            String(decoding: value.pretty(), as: UTF8.self) == """
                {
                  "b": [
                    1,
                    []
                  ],
                  "a": {}
                }
                """)
        #expect(String(decoding: value.pretty(sortingKeys: true), as: UTF8.self).hasPrefix("{\n  \"a\": {},"))
    }

    @Test func `strings are escaped as JSON asks, and nothing more`() {
        let value = JSONValue.string("\"\\/\u{08}\u{0C}\n\r\t\u{01}\u{1F}é😀<")
        #expect(String(decoding: value.encoded(), as: UTF8.self) == #""\"\\/\b\f\n\r\t\u0001\u001fé😀<""#)
    }

    @Test(arguments: [
        ("0", 0 as Int64?, 0 as UInt64?, 0 as Int64?), ("-0", 0, nil, 0),
        ("9223372036854775807", .max, 1 << 63 - 1, .max),
        ("9223372036854775808", nil, 1 << 63, nil), ("18446744073709551615", nil, .max, nil),
        ("18446744073709551616", nil, nil, nil), ("-1", -1, nil, -1), ("3.0", nil, nil, 3), ("3e2", nil, nil, 300),
        ("3.5", nil, nil, nil), ("1e400", nil, nil, nil),
    ])
    func `numbers convert only where they fit`(_ text: String, _ int: Int64?, _ uint: UInt64?, _ integral: Int64?)
        throws
    {
        let number = try #require(JSONNumber(parsing: text))
        #expect(number.int64 == int)
        #expect(number.uint64 == uint)
        #expect(number.integral == integral)
    }

    @Test(arguments: ["", "1 ", " 1", "+1", "01", "1.", "0x1", "1e", "nan", "1,"])
    func `a number token is nothing but a number`(_ text: String) {
        #expect(JSONNumber(parsing: text) == nil)
    }

    @Test func `doubles become the shortest text, infinities nothing`() {
        #expect(JSONNumber(0.1)?.text == "0.1")
        #expect(JSONNumber(2.0)?.text == "2")
        #expect(JSONNumber(Double.infinity) == nil)
        #expect(JSONNumber(parsing: "1e400")?.double == nil)
        #expect(JSONNumber(parsing: "1e-3")?.double == 0.001)
    }

    /// The examples of RFC 7396, appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, #"null"#, #"null"#),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func `merge patches as RFC 7396 has it`(_ target: String, _ patch: String, _ result: String) throws {
        let merged = try JSONValue(parsing: target).applying(mergePatch: JSONValue(parsing: patch))
        #expect(try merged == JSONValue(parsing: result))
    }

    @Test func `the writer places commas and nests`() throws {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("a", "x\n")
            writer.member(
                "b",
                array: { writer in
                    writer.value(1)
                    writer.object { _ in }
                    writer.raw([UInt8]("[2]".utf8))
                    writer.null()
                })
            writer.member("c", true)
            writer.member("d", ["k": 1] as JSONValue)
        }
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == #"{"a":"x\n","b":[1,{},[2],null],"c":true,"d":{"k":1}}"#)
    }
}
