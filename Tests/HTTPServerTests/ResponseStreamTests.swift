import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResponseStreamTests {
    private static func responder(_ make: @escaping @Sendable () -> ResponseStream) -> TestResponder {
        TestResponder { _ in
            .accept(.collect(upTo: 1000)) { _ in Response(status: .ok, body: .stream(make())) }
        }
    }

    @Test func `each write leaves at once and the connection is kept`() async throws {
        let streams = Recorder<ResponseStream>()
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream()
                stream.onClose { endings.record($0) }
                streams.record(stream)
                return stream
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let stream = try await streams.first()
        var received = ""
        for word in ["one", "two", "three"] {
            stream.write(word)
            while !received.hasSuffix("\(word)\r\n") {
                received += String(decoding: try await client.receive(), as: UTF8.self)
            }
        }
        stream.finish()
        while !received.hasSuffix("0\r\n\r\n") {
            received += String(decoding: try await client.receive(), as: UTF8.self)
        }
        #expect(received.contains("Transfer-Encoding: chunked\r\n"))
        #expect(try await endings.first() == .finished)
        #expect(stream.write("late") == .closed)
        try await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        var reader = ResponseReader(client)
        #expect(try await reader.next(hasBody: false).status == 200)
    }

    @Test func `what was written before the handler returned is sent too`() async throws {
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream(capacity: 10)
                stream.write(String(repeating: "x", count: 100_000))
                stream.finish()
                return stream
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        var reader = ResponseReader(client)
        let response = try await reader.next()
        #expect(response.isComplete)
        #expect(response.body.count == 100_000)
    }

    @Test func `an aborted stream ends without the last chunk`() async throws {
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream()
                stream.onClose { endings.record($0) }
                Task {
                    stream.write("partial")
                    try await Task.sleep(for: .milliseconds(50))
                    stream.abort()
                }
                return stream
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        var reader = ResponseReader(client)
        let response = try await reader.next()
        #expect(response.text == "partial")
        #expect(!response.isComplete)
        #expect(try await endings.first() == .aborted)
    }

    @Test func `HTTP 1.0 gets a stream until the connection closes`() async throws {
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream()
                Task {
                    stream.write("one ")
                    try await Task.sleep(for: .milliseconds(20))
                    stream.write("two")
                    stream.finish()
                }
                return stream
            })
        #expect(try await server.exchange("GET / HTTP/1.0\r\n\r\n").hasSuffix("\r\n\r\none two"))
    }

    @Test func `a full mailbox holds the writer back and the notices let it go on`() async throws {
        let total = 16 << 20
        let waits = Recorder<Int>()
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream(capacity: 128 << 10)
                Task {
                    let piece = [UInt8](repeating: 7, count: 32 << 10)
                    var written = 0
                    var inOneGo = 0
                    while written < total {
                        inOneGo += piece.count
                        if stream.write(piece) == .full {
                            waits.record(inOneGo)
                            guard await stream.waitUntilWritable() else { return }
                            inOneGo = 0
                        }
                        written += piece.count
                    }
                    stream.finish()
                }
                return stream
            })
        let client = try RawClient(port: server.port, receiveBuffer: 16 << 10)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await Task.sleep(for: .milliseconds(200))
        // The kernel takes a few MiB; the rest must wait for the client.
        #expect(waits.all.reduce(0, +) < total / 2)
        var reader = ResponseReader(client)
        let response = try await reader.next()
        #expect(response.isComplete)
        #expect(response.body.count == total)
    }

    @Test func `many threads may write at once`() async throws {
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream(capacity: 1 << 20)
                Task {
                    await withTaskGroup(of: Void.self) { group in
                        for writer in 0..<8 {
                            group.addTask {
                                for _ in 0..<500 { stream.write("\(writer)") }
                            }
                        }
                    }
                    stream.finish()
                }
                return stream
            })
        for _ in 0..<5 {
            let client = try server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            var reader = ResponseReader(client)
            let response = try await reader.next()
            #expect(response.isComplete)
            #expect(response.body.count == 4000)
        }
    }

    @Test func `a waiting writer goes on when its task is cancelled`() async throws {
        let stream = ResponseStream(capacity: 1)
        #expect(stream.write("xx") == .full)
        let waiting = Task { await stream.waitUntilWritable() }
        try await Task.sleep(for: .milliseconds(10))
        waiting.cancel()
        #expect(await waiting.value == false)
        #expect(await Task { await ResponseStream().waitUntilWritable() }.value)
    }

    @Test func `a suspended reader does not spin`() async throws {
        let streams = Recorder<ResponseStream>()
        let server = try TestServer(
            responder: Self.responder {
                let stream = ResponseStream()
                streams.record(stream)
                return stream
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let stream = try await streams.first()
        // A loop that spins is runnable whenever one looks, also on a loaded machine; one that waits is asleep.
        var runnable: [String: Int] = [:]
        for _ in 0..<40 {
            for thread in runnableEventLoops() { runnable[thread, default: 0] += 1 }
            try await Task.sleep(for: .milliseconds(15))
        }
        #expect((runnable.values.max() ?? 0) < 36)
        stream.finish()
        withExtendedLifetime(server) {}
    }
}
