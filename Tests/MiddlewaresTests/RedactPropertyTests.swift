import GatewayTestSupport
import JSON
import Middlewares
import Testing

/// Seeded properties of masking and restoring over texts glued together from what matters to them.
@Suite struct RedactPropertyTests {
    private static let fragments = [
        "a@x.org", "jörg@müller.example", "b.c+d@mail.example.com", "4111 1111 1111 1111", "378282246310005",
        "DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "+49 30 1234567", "212-555-0123", "TICKET-12",
        "<q\"\\>",
        "[EMAIL_1]", "[EMAIL_12]", "[EMAIL_", "[", "]", "[[", "_1]", "[CARD_1", "EMAIL_1]", " ", "\n", ", ", "word",
        "7",
        "4", "-", ".", "é", "€", "😀", "日本", "@", "x", "[TICKET_3]",
    ]
    private static let config =
        #"{"restore":true,"custom":[{"name":"ticket","pattern":"TICKET-\\d+"},{"name":"odd","pattern":"<[^>]*>"}]}"#

    private func text(_ random: inout SeededRandom, upTo count: Int) -> String {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in
            Self.fragments.randomElement(using: &random) ?? ""
        }.joined()
    }

    /// The pieces of a text, cut between arbitrary characters (Unicode scalars).
    private func pieces(of text: String, _ random: inout SeededRandom) -> [String] {
        var pieces = [""]
        for scalar in text.unicodeScalars {
            if Int.random(in: 0..<3, using: &random) == 0 { pieces.append("") }
            pieces[pieces.count - 1].unicodeScalars.append(scalar)
        }
        return pieces
    }

    @Test func `an echo of what was masked is restored to what was sent`() throws {
        var random = SeededRandom(seed: 1)
        let redact = try chain(("redact", Self.config))
        for _ in 0..<3_000 {
            let original = text(&random, upTo: 12)
            var run = redact.begin()
            var request = draft(user(original))
            try run.onRequest(&request)
            var reply = answer(request.text() ?? "")
            _ = try run.onAnswer(&reply)
            #expect(reply.text == original)
        }
    }

    @Test func `a stream cut anywhere says the same as the whole answer`() throws {
        var random = SeededRandom(seed: 2)
        let redact = try chain(("redact", Self.config))
        for _ in 0..<3_000 {
            var run = redact.begin()
            var request = draft(user(text(&random, upTo: 8)))
            try run.onRequest(&request)
            // Mostly what was masked, with things around that look like placeholders.
            let reply = text(&random, upTo: 5) + (request.text() ?? "") + text(&random, upTo: 5)
            var whole = answer(reply)
            _ = try run.onAnswer(&whole)
            var stream = run.makeStream()
            var streamed = ""
            for piece in pieces(of: reply, &random) {
                streamed += stream.push(piece, at: AnswerStream.Place(choice: 0))
            }
            streamed += stream.finish(at: AnswerStream.Place(choice: 0))
            #expect(streamed == whole.text)
            #expect(stream.finish().isEmpty)
        }
    }

    @Test func `masking twice is masking once`() throws {
        var random = SeededRandom(seed: 3)
        let redact = try chain(("redact", Self.config))
        for _ in 0..<3_000 {
            var once = draft(user(text(&random, upTo: 12)))
            var run = redact.begin()
            try run.onRequest(&once)
            var twice = draft(user(once.text() ?? ""))
            var again = redact.begin()
            try again.onRequest(&twice)
            #expect(twice.text() == once.text())
        }
    }

    @Test func `nothing that was masked is left, and what is left was there before`() throws {
        var random = SeededRandom(seed: 4)
        let redact = try chain(("redact", Self.config))
        for _ in 0..<2_000 {
            let secrets = (0..<3).map { "user\($0)x\(UInt32.random(in: 0...999, using: &random))@host\($0).example" }
            let original = secrets.map { text(&random, upTo: 3) + " " + $0 + " " }.joined() + text(&random, upTo: 3)
            var run = redact.begin()
            var request = draft(user(original))
            try run.onRequest(&request)
            let sent = request.text() ?? ""
            for secret in secrets { #expect(!sent.contains(secret)) }
        }
    }

    @Test func `only what could begin a placeholder is held back`() throws {
        var run = try chain(("redact", #"{"restore":true}"#)).begin()
        var request = draft(user("a@x.org 4111111111111111"))
        try run.onRequest(&request)
        let place = AnswerStream.Place(choice: 0)
        var stream = run.makeStream()
        var given: [String] = []
        for piece in ["see [", "EMA", "IL_1", "] ", "[EMAIL_2", "[x", "[CARD_1]", "[[EMAIL_1", "1", "["] {
            given.append(stream.push(piece, at: place))
        }
        #expect(
            given == [
                "see ", "", "", "a@x.org ", "[EMAIL_2", "[x", "4111111111111111", "[", "[EMAIL_11", "",
            ])
        #expect(stream.finish(at: place) == "[")
    }

    @Test(arguments: [
        String(repeating: "a", count: 1 << 20), String(repeating: "1", count: 1 << 20),
        String(repeating: "1 ", count: 1 << 19), String(repeating: "[EMAIL_1", count: 1 << 17),
        String(repeating: "DE89", count: 1 << 18), String(repeating: "a@b.", count: 1 << 18),
        String(repeating: "+1 (2", count: 1 << 17),
    ])
    func `a mebibyte of anything ends soon`(text: String) throws {
        var request = draft(user(text))
        var run = try chain(("redact", Self.config)).begin()
        let elapsed = try ContinuousClock().measure { try run.onRequest(&request) }
        #expect(elapsed < .seconds(30))
        #expect((request.text() ?? "").utf8.count <= text.utf8.count)
    }

    @Test(arguments: ["(a+)+$", "(?:a|a)+$", "a.*!|aa{500}"])
    func `a catastrophic custom pattern stays linear or is refused`(pattern: String) throws {
        let config: JSONValue = ["patterns": [], "custom": [["name": "bad", "pattern": .string(pattern)]]]
        let text = String(repeating: "a", count: (1 << 20) - 1) + "b"
        var request = draft(user(text))
        var run = try chain(("redact", String(decoding: config.encoded(), as: UTF8.self))).begin()
        var refusal: MiddlewareRefusal?
        let elapsed = ContinuousClock().measure {
            do throws(MiddlewareRefusal) { try run.onRequest(&request) } catch { refusal = error }
        }
        #expect(refusal == nil || refusal?.code == "redaction_limit_exceeded")
        #expect(elapsed < .seconds(30))
    }
}
