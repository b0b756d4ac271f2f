import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct DeadlineTests {
    /// Sends one byte each 50 ms until it has the answer; a deadline that each byte moves would never come.
    private static func drip(_ client: RawClient, _ text: String) async throws -> String {
        try await client.send(Array(text.utf8.prefix(1)))
        let sending = Task {
            for byte in Array(text.utf8.dropFirst()) {
                do { try await client.send([byte]) } catch is SocketError { return }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        let answer = try await client.textToEnd()
        sending.cancel()
        return answer
    }

    private static let long = String(repeating: "x", count: 2000)

    @Test func `a head that drips is cut with 408`() async throws {
        let server = try TestServer(configure: { $0.headTimeout = .milliseconds(800) })
        let client = try server.connect()
        let answer = try await Self.drip(client, "GET / HTTP/1.1\r\nHost: a\r\nX: \(Self.long)")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        #expect(answer.hasSuffix("failure: the request head did not arrive in time"))
    }

    @Test func `a request line that drips is cut`() async throws {
        let server = try TestServer(configure: { $0.headTimeout = .milliseconds(800) })
        let answer = try await Self.drip(try server.connect(), "GET /\(Self.long)")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
    }

    @Test func `the next head on a kept connection must not drip either`() async throws {
        let server = try TestServer(configure: { $0.headTimeout = .milliseconds(400) })
        let client = try server.connect()
        var reader = ResponseReader(client)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await reader.next().status == 200)
        let answer = try await Self.drip(client, "GET /\(Self.long)")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
    }

    /// The watcher looks at kept connections once per time for a head; what it then sees may have just begun.
    @Test func `the next head on a kept connection has its time from its beginning`() async throws {
        let time = Duration.seconds(2)
        let server = try TestServer(configure: { $0.headTimeout = time })
        let client = try server.connect()
        var reader = ResponseReader(client)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await reader.next().status == 200)
        try await Task.sleep(for: .milliseconds(1500))
        let beginning = ContinuousClock.now
        try await client.send("GET /second HTT")
        try await Task.sleep(for: .milliseconds(1000))
        // On a busy machine the time may be over by now.
        do { try await client.send("P/1.1\r\nHost: a\r\n\r\n") } catch is SocketError {}
        let status = try await reader.next().status
        #expect(status == 200 || ContinuousClock.now - beginning >= time)
    }

    @Test(arguments: ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3E8\r\n"])
    func `a body that drips is cut with 408, however regularly it comes`(_ framing: String) async throws {
        let server = try TestServer(configure: { $0.bodyTimeout = .milliseconds(800) })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing)
        let answer = try await Self.drip(client, Self.long)
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        #expect(answer.hasSuffix("failure: the request body did not arrive in time"))
    }

    @Test func `a streamed body that drips ends in an error for the handler`() async throws {
        let outcome = Recorder<BodyError>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 10_000)) { request in
                    do throws(BodyError) {
                        while try await request.bodyStream?.next() != nil {}
                    } catch {
                        outcome.record(error)
                    }
                    return .text("late")
                }
            }, configure: { $0.bodyTimeout = .milliseconds(300) })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        let answer = try await Self.drip(client, Self.long)
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        #expect(try await outcome.first() == .timeout)
    }

    @Test func `time in which the handler does not read is not the client's`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.stream(upTo: 64 << 20)) { request in
                    do {
                        try await Task.sleep(for: .seconds(3))
                        var count = 0
                        while let bytes = try await request.bodyStream?.next() { count += bytes.count }
                        return .text("\(count)")
                    } catch {
                        return .text("\(error)")
                    }
                }
            }, configure: { $0.bodyTimeout = .milliseconds(1500) })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000000\r\n\r\n")
        async let sending: Void = client.send([UInt8](repeating: 1, count: 16_000_000))
        var reader = ResponseReader(client)
        #expect(try await reader.next().text == "16000000")
        try await sending
    }

    @Test func `an idle connection is closed without a word`() async throws {
        let server = try TestServer(configure: { $0.idleTimeout = .milliseconds(300) })
        let client = try server.connect()
        var reader = ResponseReader(client)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await reader.next()
        #expect(try await reader.isAtEnd())
    }

    @Test func `a connection that never says anything is closed without a word`() async throws {
        let server = try TestServer(configure: { $0.headTimeout = .milliseconds(200) })
        #expect(try await server.connect().textToEnd() == "")
    }

    @Test func `a busy connection outlives every deadline`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 10)) { _ in
                    do { try await Task.sleep(for: .milliseconds(1500)) } catch { return .text("cancelled") }
                    return .text("slept")
                }
            },
            configure: {
                $0.headTimeout = .milliseconds(200)
                $0.bodyTimeout = .milliseconds(200)
                $0.idleTimeout = .milliseconds(200)
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        var reader = ResponseReader(client)
        #expect(try await reader.next().text == "slept")
    }

    @Test func `a client that does not read its answer is cut`() async throws {
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: TestResponder { _ in
                let stream = ResponseStream()
                stream.onClose { endings.record($0) }
                stream.write([UInt8](repeating: 1, count: 16 << 20))
                return .reject(Response(status: .ok, body: .stream(stream)))
            }, configure: { $0.idleTimeout = .milliseconds(300) })
        let client = try RawClient(port: server.port, receiveBuffer: 4096)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await endings.first() == .clientGone)
        withExtendedLifetime(client) {}
    }
}
