import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct ClientGoneTests {
    private static func sleepy(_ outcome: Recorder<String>) -> TestResponder {
        TestResponder { head in
            .accept(.collect(upTo: 1000)) { _ in
                outcome.record("started")
                do {
                    try await Task.sleep(for: .seconds(600))
                    outcome.record("slept")
                } catch {
                    outcome.record("cancelled")
                }
                return .text("late")
            }
        }
    }

    private static func waitFor(_ value: String, _ outcome: Recorder<String>) async throws {
        try await eventually { outcome.all.contains(value) }
    }

    @Test(arguments: [false, true])
    func `a client that leaves before the first byte has its handler cancelled`(_ reset: Bool)
        async throws
    {
        let outcome = Recorder<String>()
        let server = try TestServer(responder: Self.sleepy(outcome))
        do {
            let client = try server.connect()
            if reset { client.resetOnClose() }
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            try await Self.waitFor("started", outcome)
            try await Task.sleep(for: .milliseconds(150))
        }
        try await Self.waitFor("cancelled", outcome)
        try await eventually { server.server.connectionCount == 0 }
    }

    @Test func `a client that leaves at once has its handler cancelled`() async throws {
        let outcome = Recorder<String>()
        let server = try TestServer(responder: Self.sleepy(outcome))
        do {
            let client = try server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        try await Self.waitFor("cancelled", outcome)
        try await eventually { server.server.connectionCount == 0 }
    }

    @Test(arguments: [true, false])
    func `a client that leaves in the middle of a stream closes it`(_ isQuiet: Bool) async throws {
        let endings = Recorder<ResponseStream.Ending>()
        let streams = Recorder<ResponseStream>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    let stream = ResponseStream()
                    stream.onClose { endings.record($0) }
                    stream.write("first")
                    streams.record(stream)
                    return Response(status: .ok, body: .stream(stream))
                }
            })
        do {
            let client = try server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.receive()
            if isQuiet { try await Task.sleep(for: .milliseconds(200)) }
        }
        let left = ContinuousClock.now
        let stream = try await streams.first()
        while !isQuiet, endings.all.isEmpty, ContinuousClock.now - left < Patience.limit {
            stream.write("more")
            try await Task.sleep(for: .milliseconds(10))
        }
        let ending = try await endings.first()
        #expect(ending == .clientGone)
        try await eventually { server.server.connectionCount == 0 }
    }

    /// libmicrohttpd cleans up a connection that it closed itself only when it looks at it once more.
    @Test func `a connection whose stream was cut is gone although older ones are idle`() async throws {
        let streams = Recorder<ResponseStream>()
        let server = try TestServer(
            responder: TestResponder { head in
                guard head.target.path == ["stream"] else { return .reject(.text("idle")) }
                return .accept(.collect(upTo: 1000)) { _ in
                    let stream = ResponseStream()
                    stream.write("first")
                    streams.record(stream)
                    return Response(status: .ok, body: .stream(stream))
                }
            })
        var idle: [RawClient] = []
        for _ in 0..<4 {
            let client = try server.connect()
            try await client.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.receive()
            idle.append(client)
        }
        do {
            let client = try server.connect()
            try await client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.receive()
            _ = try await streams.first()
            try await Task.sleep(for: .milliseconds(200))
        }
        try await eventually { server.server.connectionCount == idle.count }
    }

    /// A client is found gone once a request: the stream must be closed for what was found before it was there.
    @Test func `a stream that begins when its client has left already is closed`() async throws {
        let outcome = Recorder<String>()
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    outcome.record("started")
                    // The head of the answer comes in the moment of the cancellation.
                    do { try await Task.sleep(for: .seconds(600)) } catch { outcome.record("cancelled") }
                    let stream = ResponseStream()
                    stream.onClose { endings.record($0) }
                    return Response(status: .ok, body: .stream(stream))
                }
            })
        do {
            let client = try server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await Self.waitFor("started", outcome)
        }
        try await Self.waitFor("cancelled", outcome)
        #expect(try await endings.first() == .clientGone)
        try await eventually { server.server.connectionCount == 0 }
    }

    /// FIN counts as leaving after 100 ms; until then, and when the handler answers nevertheless, it is delivered.
    @Test func `a client that closed only its own direction still gets its answer`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    // Deaf to cancellation, as work that cannot be undone is.
                    await Task { try? await Task.sleep(for: .milliseconds(400)) }.value
                    return .text("here it is")
                }
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.shutdownWriting()
        #expect(try await client.textToEnd().hasSuffix("here it is"))
    }

    /// libmicrohttpd does not see an end that comes together with the request; the watcher does.
    @Test(arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nContent-Le", "G", ""])
    func `a connection ends when its client has ended together with its last bytes`(_ bytes: String) async throws {
        let server = try TestServer()
        var clients: [RawClient] = []
        for _ in 0..<20 {
            let client = try server.connect()
            try await client.send(bytes)
            client.shutdownWriting()
            clients.append(client)
        }
        try await eventually { server.server.connectionCount == 0 }
        if bytes.hasPrefix("GET") {
            for client in clients { #expect(try await client.textToEnd().hasSuffix("GET / 0")) }
        }
    }

    @Test func `descriptors that are used again do not carry an old departure`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    do { try await Task.sleep(for: .milliseconds(250)) } catch { return .text("cancelled") }
                    return .text("slept")
                }
            })
        for _ in 0..<3 {
            do {
                let leaver = try server.connect()
                try await leaver.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await Task.sleep(for: .milliseconds(120))
            }
            let client = try server.connect()
            var reader = ResponseReader(client)
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await reader.next().text == "slept")
            }
        }
    }
}
