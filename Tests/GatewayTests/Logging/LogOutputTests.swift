import Gateway
import Glibc
import Logging
import Testing

@Suite struct LogOutputTests {
    /// A pipe whose two ends close with it.
    private final class Pipe {
        let reading: Int32
        let writing: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        deinit {
            close(reading)
            close(writing)
        }

        func read(_ limit: Int = 1 << 16) -> String {
            var bytes = [UInt8](repeating: 0, count: limit)
            let count = Glibc.read(reading, &bytes, limit)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
    }

    private func settings(_ pipe: Pipe, level: LogLevel = .info) -> LogSettings {
        var configuration = GatewayConfiguration.LogConfiguration()
        configuration.level = level
        let output = LogOutput(descriptor: pipe.writing) { Array("dropped \($0)\n".utf8) }
        return LogSettings(configuration, isTerminal: true, output: output)
    }

    @Test func `a logger writes whole lines at and above its level`() throws {
        let pipe = try Pipe()
        let settings = settings(pipe)
        var log = settings.logger()
        log[metadataKey: "tenant"] = "acme"
        log.debug("too quiet")
        log.info("heard", metadata: ["status": .stringConvertible(200)])
        settings.output.flush()
        let line = pipe.read()
        #expect(line.hasSuffix("info     heard status=200 tenant=acme\n"))
        #expect(!line.contains("too quiet"))
    }

    @Test func `a change of level is one for all loggers`() throws {
        let pipe = try Pipe()
        let settings = settings(pipe)
        let (one, two) = (settings.logger(), settings.logger())
        settings.level = .debug
        one.debug("one")
        two.debug("two")
        settings.level = .error
        one.info("three")
        settings.output.flush()
        let text = pipe.read()
        #expect(text.contains("one\n") && text.contains("two\n") && !text.contains("three"))
    }

    @Test func `an error given to a logger is in the line`() throws {
        let pipe = try Pipe()
        let settings = settings(pipe)
        settings.logger().error("failed", error: InvalidSetting("why"))
        settings.output.flush()
        #expect(pipe.read().contains("why"))
    }

    @Test func `a reader that stops reading holds nobody up, and learns how much it missed`() throws {
        let pipe = try Pipe()
        let output = settings(pipe).output
        let line = Array((String(repeating: "x", count: 1023) + "\n").utf8)
        let start = ContinuousClock.now
        // 3 MiB into a pipe that holds 64 KiB and a buffer that holds 1 MiB.
        for _ in 0..<3072 { output.append(line) }
        #expect(ContinuousClock.now - start < .seconds(5))
        var text = ""
        while !text.contains("dropped ") { text += pipe.read() }
        let count = try #require(
            text.split(separator: "\n").first { $0.hasPrefix("dropped ") }.flatMap { Int($0.dropFirst(8)) })
        #expect((1000..<3072).contains(count))
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count == 1023 || $0.hasPrefix("dropped ") })
    }

    @Test func `lines of many threads stay whole and all arrive`() async throws {
        let pipe = try Pipe()
        let output = settings(pipe).output
        await withTaskGroup(of: Void.self) { group in
            for letter in "abcdefgh".utf8 {
                group.addTask {
                    for _ in 0..<20 { output.append(Array(repeating: letter, count: 99) + [UInt8(ascii: "\n")]) }
                }
            }
        }
        output.flush()
        let lines = pipe.read().split(separator: "\n")
        #expect(lines.count == 160)
        #expect(lines.allSatisfy { $0.count == 99 && Set($0).count == 1 })
    }
}
