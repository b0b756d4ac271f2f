import GatewayTestSupport
import Testing

@testable import HTTPClient

/// Every kind of failure, made for real.
@Suite(.timeLimit(.minutes(1)))
struct TransferErrorTests {
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    private func failure(_ request: TransferRequest) async -> TransferError.Kind? {
        do {
            _ = try await transport.send(request)
            return nil
        } catch {
            return error.kind
        }
    }

    private func failure(
        timeouts: TransferTimeouts = TransferTimeouts(), maximumResponseBytes: Int = 1 << 20,
        _ script: @escaping FakeUpstream.Script
    ) async throws -> TransferError.Kind? {
        let fake = try FakeUpstream(script)
        defer { fake.stop() }
        return await failure(
            TransferRequest(
                method: "POST", url: fake.url, body: [0x31], timeouts: timeouts,
                maximumResponseBytes: maximumResponseBytes))
    }

    @Test func `a name without an address is resolve`() async {
        #expect(await failure(TransferRequest(url: "http://no-such-host.invalid/")) == .resolve)
    }

    @Test func `a refusing port is connectRefused`() async throws {
        let port = try LoopbackSocket.refusingPort()
        #expect(await failure(TransferRequest(url: "http://127.0.0.1:\(port)/")) == .connectRefused)
    }

    @Test func `a port that never answers is connectTimeout`() async throws {
        let hole = try BlackHole()
        let request = TransferRequest(
            url: "http://127.0.0.1:\(hole.port)/", timeouts: TransferTimeouts(connect: .milliseconds(200)))
        #expect(await failure(request) == .connectTimeout)
    }

    @Test func `an answer that does not begin is firstByteTimeout`() async throws {
        let kind = try await failure(timeouts: TransferTimeouts(firstByte: .milliseconds(150))) { _, exchange in
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        #expect(kind == .firstByteTimeout)
    }

    @Test func `silence in the middle of a body is timeout`() async throws {
        let timeouts = TransferTimeouts(firstByte: .seconds(5), idle: .milliseconds(150))
        let kind = try await failure(timeouts: timeouts) { _, exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        #expect(kind == .timeout)
    }

    @Test func `a body that drips longer than the total is timeout, and one that only drips is none`() async throws {
        let drip: FakeUpstream.Script = { _, exchange in
            exchange.beginChunks()
            for _ in 0..<30 where exchange.chunk("x") { exchange.sleep(milliseconds: 60) }
            exchange.endChunks()
        }
        let short = TransferTimeouts(idle: .milliseconds(1500), total: .milliseconds(200))
        #expect(try await failure(timeouts: short, drip) == .timeout)
        #expect(try await failure(timeouts: TransferTimeouts(idle: .milliseconds(1500)), drip) == nil)
    }

    @Test func `a connection closed without an answer is reset`() async throws {
        #expect(try await failure { _, exchange in exchange.close() } == .reset)
    }

    @Test func `a reset connection is reset`() async throws {
        #expect(try await failure { _, exchange in exchange.reset() } == .reset)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func `a body cut short is truncated`(answer: String) async throws {
        let kind = try await failure { _, exchange in
            exchange.send(answer)
            exchange.close()
        }
        #expect(kind == .truncated)
    }

    @Test func `a body that ends with the connection, as announced by neither length nor chunks, is whole`()
        async throws
    {
        let kind = try await failure { _, exchange in
            exchange.send("HTTP/1.1 200 OK\r\n\r\n12345")
            exchange.close()
        }
        #expect(kind == nil)
    }

    @Test func `a server without TLS is tls`() async throws {
        let fake = try FakeUpstream(greeting: "HTTP/1.1 400 Bad Request\r\n\r\n")
        defer { fake.stop() }
        #expect(await failure(TransferRequest(url: "https://127.0.0.1:\(fake.port)/")) == .tls)
    }

    @Test func `an announced or an actual size beyond the limit is tooLarge`() async throws {
        let announced = try await failure(maximumResponseBytes: 9) { _, exchange in exchange.respond(200, "1234567890")
        }
        #expect(announced == .tooLarge)
        let sent = try await failure(maximumResponseBytes: 9) { _, exchange in
            exchange.beginChunks()
            exchange.chunk("12345")
            exchange.chunk("67890")
            exchange.endChunks()
        }
        #expect(sent == .tooLarge)
        #expect(try await failure(maximumResponseBytes: 10) { $1.respond(200, "1234567890") } == nil)
    }

    @Test func `a head larger than the limit is tooLarge`() async throws {
        let kind = try await failure { _, exchange in
            let filler = String(repeating: "x", count: 1000)
            exchange.respond(200, headers: (0..<70).map { ("X-\($0)", filler) }, "ok")
        }
        #expect(kind == .tooLarge)
    }

    @Test(arguments: [
        "http://", "ftp://127.0.0.1/", "not a url", "http://user:pass@127.0.0.1/", "http://127.0.0.1:99999/",
    ])
    func `an address that is none of ours is badURL`(url: String) async {
        #expect(await failure(TransferRequest(url: url)) == .badURL)
    }

    @Test func `an answer that is no HTTP is other`() async throws {
        let kind = try await failure { _, exchange in
            exchange.send("SSH-2.0-OpenSSH_9.2\r\n")
            exchange.close()
        }
        guard case .other = kind else {
            Issue.record("got \(String(describing: kind))")
            return
        }
    }
}
