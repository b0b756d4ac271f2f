import Gateway
import Logging
import Testing

@Suite struct LogLineTests {
    private func line(_ message: String, _ metadata: Logger.Metadata = [:]) -> LogLine {
        LogLine(time: .init(microseconds: 1_795_420_800_000_042), level: .warning, message: message, metadata: metadata)
    }

    private func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a JSON line has time, level, message and the metadata in order`() {
        let metadata: Logger.Metadata = [
            "tenant": "acme", "request.id": "r1", "status": .stringConvertible(404),
            "ok": .stringConvertible(true), "ratio": .stringConvertible(0.5), "list": ["a", "b"],
            "nested": ["k": "v"],
        ]
        #expect(
            text(line("not found", metadata).json())
                == #"{"time":"2026-11-23T08:00:00.000042Z","level":"warning","message":"not found","list":["a","b"],"#
                + #""nested":{"k":"v"},"ok":true,"ratio":0.5,"request.id":"r1","status":404,"tenant":"acme"}"# + "\n")
    }

    @Test func `a text line is for people`() {
        let metadata: Logger.Metadata = ["tenant": "acme", "reason": "two words", "empty": ""]
        #expect(
            text(line("not found", metadata).text())
                == "2026-11-23T08:00:00.000042Z warning  not found empty=\"\" reason=\"two words\" tenant=acme\n")
    }

    @Test func `nothing in a message or value can begin a line or command a terminal`() {
        let evil = "a\nb\r\u{1b}[2J\u{9b}31m\u{0}\u{7f}\u{2028}\u{202e}\"\\"
        for bytes in [line(evil, ["k": "\(evil)"]).json(), line(evil, ["k": "\(evil)", evil: "v"]).text()] {
            #expect(bytes.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            #expect(bytes.last == UInt8(ascii: "\n"))
            #expect(!text(bytes).unicodeScalars.contains { (0x80..<0xA0).contains($0.value) || $0.value == 0x202E })
        }
        #expect(text(line(evil).json()).contains(#"a\u000ab\u000d\u001b[2J\u009b31m\u0000\u007f\u2028\u202e\"\\"#))
    }

    @Test func `keys that carry credentials are masked, and reserved keys are not overwritten`() {
        let metadata: Logger.Metadata = [
            "Authorization": "geheim", "headers": ["cookie": "geheim"], "message": "mine", "level": "mine",
        ]
        for bytes in [line("m", metadata).json(), line("m", ["authorization": "geheim"]).text()] {
            #expect(!text(bytes).contains("geheim"))
        }
        #expect(text(line("m", metadata).json()).contains(#""meta.message":"mine""#))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"), (951_827_696_789_000, "2000-02-29T12:34:56.789000Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"), (-1, "1969-12-31T23:59:59.999999Z"),
    ])
    func `time is written in UTC`(microseconds: Int64, expected: String) {
        #expect(LogLine.Time(microseconds: microseconds).text == expected)
    }
}
