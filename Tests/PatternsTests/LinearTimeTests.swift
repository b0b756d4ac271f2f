import Patterns
import Testing

/// Patterns made to backtrack for ever, and patterns made to scan the rest of the text for every match.
///
/// The bounds are ten and more times what an unoptimised build needs; what they guard against takes minutes or years.
@Suite struct LinearTimeTests {
    private static let megabyte = 1 << 20

    @Test(arguments: ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){20}$", "^(a?){50}a{50}$", "(?i)(A+A+)+!"])
    func `a catastrophic pattern over a mebibyte ends soon`(pattern: String) throws {
        let text = Array(String(repeating: "a", count: Self.megabyte - 1).utf8) + [UInt8(ascii: "b")]
        let compiled = try Pattern(pattern)
        var match: Range<Int>?
        let elapsed = try ContinuousClock().measure { match = try compiled.firstMatch(in: text) }
        #expect(match == nil)
        let whole = String(decoding: text, as: UTF8.self)
        var isMatch = true
        let elapsedAtOnce = ContinuousClock().measure { isMatch = compiled.matches(whole) }
        #expect(!isMatch && elapsedAtOnce < .seconds(20))
        #expect(elapsed < .seconds(20))
    }

    @Test(arguments: ["a.*!|a", "a[^!]*!|a", "(?s)a.*z|a"])
    func `short matches that could have been long ones do not make the search quadratic`(pattern: String) throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: Self.megabyte)
        let compiled = try Pattern(pattern)
        let elapsed = ContinuousClock().measure {
            #expect(throws: PatternSearchError.self) { try compiled.matches(in: text, limit: 2_000) }
        }
        #expect(elapsed < .seconds(20))
    }

    @Test func `a match is found wherever it lies, up to the promised length`() throws {
        let pattern = try Pattern("<x*>")
        for (before, inside) in [(0, 0), (4094, 10), (4095, 4094), (8_191, 4094), (100_000, 4094), (40_959, 1)] {
            let text = Array(
                (String(repeating: "-", count: before) + "<" + String(repeating: "x", count: inside) + ">--").utf8)
            #expect(try pattern.matches(in: text) == [before..<(before + inside + 2)], "\(before) \(inside)")
        }
    }

    @Test func `the end of the text is its end, not that of the part being searched`() throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
        #expect(try Pattern("a$").matches(in: text) == [99_999..<100_000])
        #expect(try Pattern(#"a\z"#).matches(in: text) == [99_999..<100_000])
        #expect(try Pattern(#"a\b"#).matches(in: text) == [99_999..<100_000])
        #expect(try Pattern("(?m)a$").matches(in: text + [0x0A] + text) == [99_999..<100_000, 200_000..<200_001])
    }

    @Test func `a search that uses up its processor time is given up`() throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: Self.megabyte)
        let slow = try Pattern("a.*!|aa{500}")
        var budget = SearchBudget(milliseconds: 5)
        let error = try #require(throws: PatternSearchError.self) {
            try text.withUnsafeBufferPointer { try slow.matches(in: $0, budget: &budget) }
        }
        #expect(error.reason == "searching for a.*!|aa{500} takes too long")
        // What is used up stays used up, also for another pattern.
        let quick = try Pattern("a")
        #expect(throws: PatternSearchError.self) {
            try text.withUnsafeBufferPointer { try quick.firstMatch(in: $0, budget: &budget) }
        }
    }

    @Test func `many threads may search with one pattern`() async throws {
        let pattern = try Pattern(#"\b(a+|b+)c\b"#)
        let text = Array(String(repeating: "aac bbc xxc ", count: 200).utf8)
        let counts = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<16 { group.addTask { (try? pattern.matches(in: text).count) ?? -1 } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 400, count: 16))
    }
}
