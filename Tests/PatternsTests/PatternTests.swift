import Patterns
import Testing

@Suite struct PatternTests {
    private func texts(_ pattern: String, _ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        return try Pattern(pattern).matches(in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func `finds every match from left to right, none overlapping`() throws {
        #expect(try texts("[0-9]+", "a1b22c333") == ["1", "22", "333"])
        #expect(try texts("aa", "aaaaa") == ["aa", "aa"])
        #expect(try texts("x", "aaa").isEmpty)
        #expect(try texts("a", "").isEmpty)
    }

    @Test(arguments: [
        ("x*", "axb", [0..<0, 1..<2, 3..<3]), ("", "äb", [0..<0, 2..<2, 3..<3]), ("", "", [0..<0]),
        ("$", "日本", [6..<6]), (#"\B"#, "é€", [0..<0, 2..<2, 5..<5]), ("(?m)^", "a\nb", [0..<0, 2..<2]),
    ])
    func `empty matches stand between characters and not right after a match`(
        pattern: String, text: String, expected: [Range<Int>]
    ) throws {
        #expect(try Pattern(pattern).matches(in: Array(text.utf8)) == expected)
    }

    @Test func `a character class takes whole characters, also at the edges of the text`() throws {
        #expect(try texts("[äöü]", "aäxü") == ["ä", "ü"])
        #expect(try texts(".", "é€😀") == ["é", "€", "😀"])
        #expect(try texts("[^a]", "a😀a") == ["😀"])
        #expect(try texts(#"\pL+"#, "año 7 日本") == ["año", "日本"])
        let broken: [UInt8] = [0x61, 0xE2, 0x82, 0x62]
        #expect(try Pattern(".").matches(in: broken) == [0..<1, 3..<4])
    }

    @Test func `anchors and word boundaries see what stands before the place the search starts from`() throws {
        let bytes = Array("aaa a".utf8)
        #expect(try Pattern("^a").firstMatch(in: bytes, from: 1) == nil)
        #expect(try Pattern(#"\ba"#).firstMatch(in: bytes, from: 1) == 4..<5)
        #expect(try Pattern("a").firstMatch(in: bytes, from: 6) == nil)
        #expect(try Pattern("a").firstMatch(in: bytes, from: -1) == nil)
        #expect(try Pattern("").firstMatch(in: Array("é".utf8), from: 1) == 2..<2)
    }

    @Test func `options`() throws {
        var options = Pattern.Options()
        options.isCaseInsensitive = true
        #expect(try Pattern("äb", options: options).matches("xÄB"))
        options = Pattern.Options()
        options.isLiteral = true
        #expect(
            try Pattern("a.(", options: options).matches("xa.(") && !Pattern("a.(", options: options).matches("xab("))
        options = Pattern.Options()
        options.dotMatchesNewline = true
        #expect(try Pattern("a.b", options: options).matches("a\nb") && !Pattern("a.b").matches("a\nb"))
    }

    @Test func `replaces matches by what the closure makes of them`() throws {
        let text = Array("a1b22c".utf8)
        let replaced = try Pattern("[0-9]+").replacing(in: text) { $0.count == 1 ? nil : Array("<\($0.count)>".utf8) }
        #expect(String(decoding: replaced, as: UTF8.self) == "a1b<2>c")
        #expect(try Pattern("z").replacing(in: text) { _ in [] } == text)
        let dashed = try Pattern("").replacing(in: Array("é!".utf8)) { _ in [UInt8(ascii: "-")] }
        #expect(String(decoding: dashed, as: UTF8.self) == "-é-!-")
    }

    @Test func `more matches than allowed is an error that says so`() throws {
        let error = try #require(throws: PatternSearchError.self) {
            try Pattern("a").matches(in: Array("aaaa".utf8), limit: 3)
        }
        #expect(error.reason == "more than 3 matches of a")
        #expect(try Pattern("a").matches(in: Array("aaa".utf8), limit: 3).count == 3)
    }

    @Test(
        arguments: [
            ("(a", "missing )", nil, nil),
            ("ab(c[d", "missing ]", "[d", 4),
            ("a**", "bad repetition operator", "**", 1),
            ("x(?=a)", "invalid perl operator", "(?=", 1),
            (#"(a)\1"#, "invalid escape sequence", #"\1"#, 3),
            ("a{1001}", "invalid repetition size", "{1001}", 1),
            (#"ab\C"#, "matching single bytes is not supported", #"\C"#, 2),
            (#"\p{Nope}"#, "invalid character class range", nil, nil),
            ("((((a{100}){100}){100}){100})", "", nil, nil),
        ] as [(String, String, String?, Int?)])
    func `refuses a malformed pattern with a reason and a place`(
        pattern: String, reason: String, fragment: String?, offset: Int?
    ) throws {
        let error = try #require(throws: PatternError.self) { try Pattern(pattern) }
        #expect(error.reason.contains(reason) && !error.reason.isEmpty)
        if let fragment { #expect(error.fragment == fragment) }
        #expect(offset == nil || error.offset == offset)
        #expect(error.description.contains(pattern.prefix(60)))
    }

    @Test func `refuses a pattern that is too long or needs too much memory`() throws {
        let long = try #require(throws: PatternError.self) { try Pattern(String(repeating: "a", count: 4097)) }
        #expect(long.reason == "4097 bytes long; at most 4096 are allowed")
        #expect(long.description.utf8.count < 300)
        let large = try #require(throws: PatternError.self) { try Pattern(#"[\pL\pN]{900}[\pL\pN]{900}"#) }
        #expect(large.reason.contains("too large"))
        let complex = try #require(throws: PatternError.self) { try Pattern("(?:abcdefgh){600}") }
        #expect(complex.reason.hasPrefix("pattern too large - compiles to "))
    }

    @Test func `a quoted or escaped backslash before C is no byte escape`() throws {
        #expect(try Pattern(#"\\C"#).matches(#"\C"#))
        #expect(try Pattern(#"\Q\C\E"#).matches(#"\C"#))
        #expect(throws: PatternError.self) { try Pattern(#"\Qa\E\C"#) }
        #expect(throws: PatternError.self) { try Pattern(#"\\\C"#) }
    }

    @Test func `equal patterns are shared while somebody holds them`() throws {
        var insensitive = Pattern.Options()
        insensitive.isCaseInsensitive = true
        let one = try Pattern.shared("shared[0-9]")
        #expect(try Pattern.shared("shared[0-9]") === one)
        #expect(try Pattern.shared("shared[0-9]", options: insensitive) !== one)
        #expect(try Pattern.shared("\u{e9}") !== Pattern.shared("e\u{301}"))
        weak var released: Pattern?
        do {
            let short = try Pattern.shared("released")
            released = short
            #expect(released != nil)
        }
        #expect(released == nil)
        for number in 0..<200 { #expect(try Pattern.shared("sweep\(number)").matches("sweep\(number)")) }
        #expect(try Pattern.shared("shared[0-9]") === one)
        #expect(throws: PatternError.self) { try Pattern.shared("(") }
    }
}
