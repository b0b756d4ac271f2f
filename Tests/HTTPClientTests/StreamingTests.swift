import GatewayTestSupport
import Synchronization
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1)))
struct StreamingTests {
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    @Test func `pieces arrive as they are sent, and the end once`() async throws {
        let sink = RecordingSink()
        let goOn = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            for number in 0..<5 {
                // Each piece has to arrive before the next one is sent, or this never ends.
                exchange.chunk("data: \(number)\n\n")
                while sink.now.pieces == number { exchange.sleep(milliseconds: 1) }
            }
            while !goOn.load(ordering: .relaxed) { exchange.sleep(milliseconds: 1) }
            exchange.endChunks()
        }
        defer { fake.stop() }
        let (head, _) = try await transport.stream(TransferRequest(url: fake.url), sink: sink)
        #expect(head.status == 200)
        #expect(sink.now.ends.isEmpty)
        goOn.store(true, ordering: .relaxed)
        let record = await sink.end()
        #expect(sink.text == (0..<5).map { "data: \($0)\n\n" }.joined())
        #expect(record.pieces == 5)
        #expect(record.heads.count == 1)
        #expect(record.ends == [nil])
    }

    @Test func `a stream cut in the middle ends as truncated after the bytes that came`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink()
        _ = try await transport.stream(TransferRequest(url: fake.url), sink: sink)
        let record = await sink.end()
        #expect(sink.text == "data: 1\n\n")
        #expect(record.ends.map { $0?.kind } == [.truncated])
    }

    @Test func `a failed connection is thrown, and told to the sink`() async throws {
        let sink = RecordingSink()
        let port = try LoopbackSocket.refusingPort()
        await #expect {
            try await transport.stream(TransferRequest(url: "http://127.0.0.1:\(port)"), sink: sink)
        } throws: {
            ($0 as? TransferError)?.kind == .connectRefused
        }
        #expect(sink.now.ends.map { $0?.kind } == [.connectRefused])
        #expect(sink.now.heads.isEmpty)
    }

    @Test func `a paused sink is given nothing, holds back the sender, and gets every byte later`() async throws {
        let total = 64 << 20
        let sent = Atomic(0)
        let piece = [UInt8](repeating: 0x78, count: 64 << 10)
        let fake = try FakeUpstream { _, exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            while sent.load(ordering: .relaxed) < total, exchange.send(piece) {
                sent.add(piece.count, ordering: .relaxed)
            }
        }
        defer { fake.stop() }
        let received = Atomic(0)
        let paused = Atomic(0)
        let sink = RecordingSink(
            keepsBytes: false,
            onPiece: { record in
                received.add(1, ordering: .relaxed)
                guard record.pieces == 1 || record.pieces % 200 == 0 else { return .more }
                paused.add(1, ordering: .relaxed)
                return .pause
            })
        let timeouts = TransferTimeouts(idle: .milliseconds(1000))
        let (_, transfer) = try await transport.stream(TransferRequest(url: fake.url, timeouts: timeouts), sink: sink)
        try await Task.sleep(for: .milliseconds(1300))
        #expect(received.load(ordering: .relaxed) == 1)
        // What is under way fits into socket buffers; the rest was never sent. The idle timeout did not strike.
        let buffered = sent.load(ordering: .relaxed)
        #expect(buffered < 16 << 20)
        #expect(sink.now.ends.isEmpty)
        while sink.now.ends.isEmpty {
            transfer.resume()
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(sink.now.ends == [nil])
        #expect(sent.load(ordering: .relaxed) == total)
        #expect(paused.load(ordering: .relaxed) > 2)
    }

    @Test func `a pause at the head holds the whole body back`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "body") }
        defer { fake.stop() }
        let sink = RecordingSink(onHead: { .pause })
        let (_, transfer) = try await transport.stream(TransferRequest(url: fake.url), sink: sink)
        try await Task.sleep(for: .milliseconds(50))
        #expect(sink.now.pieces == 0)
        #expect(sink.now.ends.isEmpty)
        transfer.resume()
        let record = await sink.end()
        #expect(record.bytes == Array("body".utf8))
        #expect(record.ends == [nil])
    }

    @Test func `a sink that wants no more when it is resumed gets no more`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            while exchange.chunk(String(repeating: "x", count: 1000)) { exchange.sleep(milliseconds: 1) }
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink(onHead: { .pause }, onPiece: { _ in .cancel })
        let (_, transfer) = try await transport.stream(TransferRequest(url: fake.url), sink: sink)
        try await Task.sleep(for: .milliseconds(50))
        transfer.resume()
        let record = await sink.end()
        #expect(record.pieces == 1)
        #expect(record.ends.map { $0?.kind } == [.cancelled])
        #expect(await fake.wait { $0.openConnections == 0 })
        #expect(sink.now.pieces == 1)
        #expect(sink.now.ends.count == 1)
    }

    @Test func `a transfer and a sink that know each other are let go at the end`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "body") }
        defer { fake.stop() }
        weak var weakSink: RecordingSink?
        do {
            let sink = RecordingSink()
            weakSink = sink
            _ = try await transport.stream(TransferRequest(url: fake.url), sink: sink)
            #expect(await sink.end().transfer != nil)
        }
        #expect(await fake.wait { _ in weakSink == nil })
    }

    @Test(arguments: [true, false])
    func `a sink that wants no more closes the connection`(atHead: Bool) async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink(onHead: { atHead ? .cancel : .more }, onPiece: { _ in .cancel })
        transport.stream(TransferRequest(url: fake.url), to: sink)
        let record = await sink.end()
        #expect(record.ends.map { $0?.kind } == [.cancelled])
        #expect(record.pieces == (atHead ? 0 : 1))
        #expect(await fake.wait { _ in hungUp.load(ordering: .relaxed) })
    }
}
