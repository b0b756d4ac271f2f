import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    private static func answers(_ client: RawClient) async throws -> Bool {
        do { try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") } catch is SocketError { return false }
        return try await !client.receive().isEmpty
    }

    @Test func `an address has so many connections and no more, until one ends`() async throws {
        let server = try TestServer(configure: { $0.maximumConnectionsPerAddress = 3 })
        var clients: [RawClient] = []
        for _ in 0..<3 {
            let client = try server.connect()
            #expect(try await Self.answers(client))
            clients.append(client)
        }
        #expect(try await !Self.answers(try server.connect()))
        // Another address has its own count.
        #expect(try await Self.answers(try RawClient(port: server.port, from: "127.0.0.2")))
        clients.removeLast()
        try await eventually { server.server.connectionCount <= 2 }
        #expect(try await Self.answers(try server.connect()))
    }

    @Test func `trusted peers are not counted`() async throws {
        let range = try #require(AddressRange(parsing: "127.0.0.0/31"))
        let server = try TestServer(configure: {
            $0.maximumConnectionsPerAddress = 2
            $0.uncountedPeers = [range]
        })
        var clients: [RawClient] = []
        for _ in 0..<10 {
            let client = try server.connect()
            #expect(try await Self.answers(client))
            clients.append(client)
        }
        var others: [RawClient] = []
        for expected in [true, true, false] {
            let other = try RawClient(port: server.port, from: "127.0.0.2")
            #expect(try await Self.answers(other) == expected)
            others.append(other)
        }
    }

    @Test func `clients over the connection limit wait and are served when one ends`() async throws {
        let server = try TestServer(configure: { $0.maximumConnections = 2 })
        var clients = [try server.connect(), try server.connect()]
        for client in clients { #expect(try await Self.answers(client)) }
        let waiting = try server.connect()
        try await waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await #expect(throws: SocketError.self) { try await waiting.receive(within: 0.3) }
        clients.removeAll()
        #expect(try await !waiting.receive().isEmpty)
    }

    /// Release notes of a later libmicrohttpd speak of ready connections being skipped while another is suspended.
    @Test func `busy connections are served beside hundreds of suspended ones`() async throws {
        let gate = Gate()
        let server = try TestServer(
            responder: TestResponder { head in
                .accept(.collect(upTo: 1000)) { _ in
                    switch head.target.path.first {
                    case "wait": await gate.wait()
                    case "hop": await Task.yield()
                    default: break
                    }
                    return .text(head.target.rawPath)
                }
            })
        var suspended: [RawClient] = []
        for _ in 0..<400 {
            let client = try server.connect()
            try await client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            suspended.append(client)
        }
        try await eventually { server.server.activeCount == 400 }
        // A skipped connection would wait for the next event of its loop, at worst for ever.
        try await withThrowingTaskGroup { group in
            for worker in 0..<8 {
                group.addTask {
                    let client = try server.connect()
                    var reader = ResponseReader(client)
                    for index in 0..<150 {
                        let path = index % 2 == 0 ? "/hop/\(worker)/\(index)" : "/\(worker)/\(index)"
                        try await client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                        let response = try await reader.next()
                        #expect(response.text == path)
                    }
                }
            }
            try await group.waitForAll()
        }
        gate.open()
        for client in suspended {
            var reader = ResponseReader(client)
            #expect(try await reader.next().text == "/wait")
        }
    }
}
