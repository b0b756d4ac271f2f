import Testing

@testable import Upstreams

struct EventStreamTests {
    @Test(arguments: [
        ("data: a\n\n", [ServerSentEvent(data: "a")]),
        ("data:a\r\n\r\n", [ServerSentEvent(data: "a")]),
        ("data: a\r\r", [ServerSentEvent(data: "a")]),
        ("data:  a\n\n", [ServerSentEvent(data: " a")]),
        ("data: a\ndata: b\n\n", [ServerSentEvent(data: "a\nb")]),
        ("data\n\n", [ServerSentEvent(data: "")]),
        ("data:\ndata:\n\n", [ServerSentEvent(data: "\n")]),
        (": ping\n\ndata: a\n\n", [ServerSentEvent(data: "a")]),
        (
            "event: x\nid: 7\ndata: a\n\ndata: b\n\n",
            [
                ServerSentEvent(name: "x", data: "a", id: "7"), ServerSentEvent(data: "b", id: "7"),
            ]
        ),
        ("\u{FEFF}data: a\n\n", [ServerSentEvent(data: "a")]),
        ("retry: 5\nunknown: y\ndata: a\n\n", [ServerSentEvent(data: "a")]),
        ("event: lonely\n\ndata: a\n\n", [ServerSentEvent(data: "a")]),
        ("data: unfinished\n", []),
        (
            "data: {\"x\":\"é漢😀\"}\n\ndata: [DONE]\n\n",
            [
                ServerSentEvent(data: "{\"x\":\"é漢😀\"}"), ServerSentEvent(data: "[DONE]"),
            ]
        ),
    ])
    func `the parser reads what the standard says, however the bytes are cut`(
        stream: String, expected: [ServerSentEvent]
    ) {
        let bytes = Array(stream.utf8)
        var whole = EventStreamParser()
        #expect(whole.feed(bytes) == expected)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var parser = EventStreamParser()
            let events = Self.cut(bytes, using: &random).flatMap { parser.feed($0) }
            #expect(events == expected)
        }
    }

    @Test(arguments: ["plain", "two\nlines", "a\r\nb\rc", "", "\n", "{\"k\":1}"])
    func `what the writer writes, the parser reads`(data: String) {
        var parser = EventStreamParser()
        let events = parser.feed(EventStreamWriter.event(name: "turn.delta", data: data.utf8))
        let normalised = data.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        #expect(events == [ServerSentEvent(name: "turn.delta", data: normalised)])
    }

    @Test func `an event's name cannot break out of its line`() {
        let bytes = EventStreamWriter.event(name: "x\ndata: forged\r", data: "y".utf8)
        #expect(String(decoding: bytes, as: UTF8.self) == "event: xdata: forged\ndata: y\n\n")
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `the framer passes whole events on, byte for byte, and sees the end`(lineEnd: String) {
        let text = ["data: {\"a\":\"[DONE]\"}", "", ": ping", "", "event: x", "data: b", "", "data: [DONE]", "", ""]
        let bytes = Array(text.joined(separator: lineEnd).utf8)
        let eventEnds = Self.prefixesEndingInEvents(bytes)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var framer = EventStreamFramer()
            var passed: [UInt8] = []
            for piece in Self.cut(bytes, using: &random) {
                #expect(!framer.isDone || passed.count >= bytes.count - 1)
                _ = piece.withUnsafeBytes { framer.feed($0) { passed.append(contentsOf: $0) } }
                #expect(eventEnds.contains(passed.count), "stopped in the middle of an event")
            }
            #expect(framer.isDone)
            #expect((passed + framer.pending).elementsEqual(bytes))
        }
    }

    @Test(arguments: [
        ("data: [DONE]", true), ("data:[DONE]", true), ("data: [DONE] ", true), ("data: [DONE]\n", true),
        ("data: {\"content\":\"[DONE]\"}\n\n", false), ("data: [DONE!]\n\n", false), ("xdata: [DONE]\n\n", false),
        (": data: [DONE]\n\n", false), ("data: a\n\n", false), ("", false), ("data: [DON", false),
    ])
    func `the framer knows the end mark from what only looks like it`(stream: String, done: Bool) {
        var framer = EventStreamFramer()
        var passed: [UInt8] = []
        _ = Array(stream.utf8).withUnsafeBytes { framer.feed($0) { passed.append(contentsOf: $0) } }
        if let rest = framer.finish() { passed.append(contentsOf: rest) }
        #expect(framer.isDone == done)
        if done { #expect(String(decoding: passed, as: UTF8.self).hasSuffix("\n\n")) }
    }

    @Test func `half an event is held back for good`() {
        var framer = EventStreamFramer()
        var passed: [UInt8] = []
        _ = Array("data: 1\n\ndata: {\"half".utf8).withUnsafeBytes { framer.feed($0) { passed.append(contentsOf: $0) } }
        #expect(framer.finish() == nil)
        #expect(String(decoding: passed, as: UTF8.self) == "data: 1\n\n")
    }

    /// Random cuts, empty pieces among them.
    private static func cut(_ bytes: [UInt8], using random: inout SystemRandomNumberGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + Int.random(in: 0...7, using: &random))
            pieces.append(Array(bytes[position..<end]))
            position = end
        }
        return pieces
    }

    /// Lengths of prefixes that end with an empty line, found the slow way; with CR LF also between the two bytes.
    private static func prefixesEndingInEvents(_ bytes: [UInt8]) -> Set<Int> {
        var ends: Set<Int> = [0]
        for length in 1...bytes.count {
            let text = String(decoding: bytes[..<length], as: UTF8.self)
            if ["\n\n", "\r\n\r\n", "\r\r", "\r\n\r"].contains(where: {
                text.utf8.reversed().starts(with: $0.utf8.reversed())
            }) {
                ends.insert(length)
            }
        }
        return ends
    }
}
