import GatewayTestSupport
import HTTPServer
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct BodyTests {
    @Test func `collects a body with a length`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        var reader = ResponseReader(client)
        for size in [1, 1000, 100_000] {
            try await client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            try await client.send([UInt8](repeating: 65, count: size))
            #expect(try await reader.next().text == "POST /p \(size)")
        }
    }

    @Test func `collects a chunked body and closes after it`() async throws {
        let server = try TestServer()
        let answer = try await server.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n" + RequestHygieneTests.smuggled)
        #expect(answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.hasSuffix("POST / 15"))
    }

    @Test(arguments: ["xyz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "5"])
    func `a chunked body that is malformed or cut short never reaches the handler`(_ body: String) async throws {
        let ran = Mutex(false)
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 100)) { _ in
                    ran.withLock { $0 = true }
                    return .text("ran")
                }
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        client.shutdownWriting()
        let answer = try await client.textToEnd()
        #expect(!answer.contains("ran"))
        #expect(!ran.withLock { $0 })
    }

    @Test func `a body cut short never reaches the handler`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        client.shutdownWriting()
        #expect(try await client.textToEnd() == "")
    }

    @Test func `refuses an announced body over the limit with 413 before 100 Continue`() async throws {
        let server = try TestServer()
        let answer = try await server.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 413 "))
        #expect(answer.contains("larger than 1048576 bytes"))
    }

    @Test func `sends 100 Continue when the body is wanted`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        var reader = ResponseReader(client)
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        #expect(try await reader.next().status == 100)
        try await client.send("hello")
        #expect(try await reader.next().text == "POST / 5")
    }

    @Test(arguments: [100_000, 2 << 20, 4 << 20, 12 << 20], [false, true])
    func `a client that sends all of a refused body can read the answer`(size: Int, chunked: Bool) async throws {
        let server = try TestServer(
            responder: TestResponder { _ in .reject(.text("not with me", status: .unauthorized)) })
        for _ in 0..<3 {
            let client = try server.connect()
            let length = chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\n\(length)\r\n\r\n")
            if chunked { try await client.send("\(String(size, radix: 16))\r\n") }
            // A plain client writes everything before it reads.
            try await client.send([UInt8](repeating: 65, count: size))
            if chunked { try await client.send("\r\n0\r\n\r\n") }
            let answer = try await client.textToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 401 "))
            #expect(answer.lowercased().contains("connection: close"))
            #expect(answer.hasSuffix("not with me"))
        }
    }

    @Test(arguments: [BodyPolicy.collect(upTo: 100_000), .stream(upTo: 100_000)])
    func `a chunked body that grows over the limit is 413 while the client still sends`(_ policy: BodyPolicy)
        async throws
    {
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(policy) { request in
                    do {
                        while try await request.bodyStream?.next() != nil {}
                        return .text("read it all")
                    } catch {
                        return .text("handler: \(error)")
                    }
                }
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "10000\r\n" + String(repeating: "x", count: 65536) + "\r\n"
        for _ in 0..<100 { try await client.send(chunk) }
        try await client.send("0\r\n\r\n")
        let answer = try await client.textToEnd()
        #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
        #expect(answer.hasSuffix("failure: the request body is larger than 100000 bytes"))
    }

    @Test func `a refused body that stops coming is answered after the drain time`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in .reject(.text("no", status: .forbidden)) },
            configure: { $0.drainTimeout = .milliseconds(200) })
        let answer = try await server.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
        #expect(answer.hasPrefix("HTTP/1.1 403 "))
    }

    @Test func `streams a body and holds the client back while the handler does not read`() async throws {
        let mayRead = Gate()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 64 << 20)) { request in
                    await mayRead.wait()
                    var count = 0
                    do {
                        while let bytes = try await request.bodyStream?.next() { count += bytes.count }
                    } catch {
                        return .text("\(error)", status: .badRequest)
                    }
                    return .text("\(count)")
                }
            })
        let client = try server.connect()
        let size = 32 << 20
        let sent = Mutex(false)
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
        async let sending: Void = {
            try await client.send([UInt8](repeating: 1, count: size))
            sent.withLock { $0 = true }
        }()
        try await Task.sleep(for: .milliseconds(300))
        #expect(!sent.withLock { $0 }, "32 MiB went somewhere although nobody read them")
        mayRead.open()
        try await sending
        var reader = ResponseReader(client)
        #expect(try await reader.next().text == "\(size)")
        // The connection is still good.
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        #expect(try await reader.next().text == "3")
    }

    @Test func `a handler may answer without having read its streamed body`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in .accept(.stream(upTo: 64 << 20)) { _ in .text("enough") } })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        try await client.send([UInt8](repeating: 1, count: 3_000_000))
        #expect(try await client.textToEnd().hasSuffix("enough"))
    }

    @Test func `an answer that cannot wait for the end of its body is given to a client whose body was held back`()
        async throws
    {
        let mayAnswer = Gate()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 64 << 20)) { _ in
                    await mayAnswer.wait()
                    return .text("enough")
                }
            },
            configure: {
                $0.bodyTimeout = .seconds(600)
                $0.drainTimeout = .milliseconds(200)
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        // More than the server takes without anybody reading it, and less than it drains; the rest never comes.
        try await client.send([UInt8](repeating: 1, count: 400_000))
        try await Task.sleep(for: .milliseconds(300))
        mayAnswer.open()
        #expect(try await client.textToEnd().hasSuffix("enough"))
    }

    @Test func `a stream whose body is too long to be drained is told that nobody reads it`() async throws {
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 64 << 20)) { _ in
                    let stream = ResponseStream()
                    stream.onClose { endings.record($0) }
                    return Response(status: .ok, body: .stream(stream))
                }
            }, configure: { $0.drainLimit = 1000 })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        try await client.send([UInt8](repeating: 1, count: 10_000))
        #expect(try await endings.first() == .clientGone)
    }

    @Test func `a streamed body that is cut short ends in an error`() async throws {
        let outcome = Recorder<String>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 1000)) { request in
                    do {
                        while try await request.bodyStream?.next() != nil {}
                        outcome.record("complete")
                    } catch {
                        outcome.record("\(error)")
                    }
                    return .text("done")
                }
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        try await Task.sleep(for: .milliseconds(50))
        client.disconnect()
        #expect(try await outcome.first() == "incomplete")
    }
}
