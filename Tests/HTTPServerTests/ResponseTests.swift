import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResponseTests {
    @Test func `a HEAD is answered like a GET, without the body`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        var reader = ResponseReader(client)
        try await client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n")
        let response = try await reader.next(hasBody: false)
        #expect(response["Content-Length"] == "11")
        try await client.send("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await reader.next().text == "GET /abc 0")
    }

    @Test(arguments: [Status.noContent, .notModified])
    func `a status without a body sends none and keeps the connection`(_ status: Status) async throws {
        let server = try TestServer(responder: TestResponder { _ in .reject(.text("hidden", status: status)) })
        let client = try server.connect()
        var reader = ResponseReader(client)
        for _ in 0..<2 {
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try await reader.next()
            #expect(response.status == Int(status.code))
            #expect(response["Content-Length"] == (status == .notModified ? "6" : nil))
        }
    }

    @Test(arguments: [0, 1, 16 << 10, (16 << 10) + 1, 5 << 20])
    func `sends bodies of any size`(_ size: Int) async throws {
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let server = try TestServer(
            responder: TestResponder { _ in .reject(Response(status: .ok, body: .bytes(body))) })
        let client = try server.connect()
        var reader = ResponseReader(client)
        for _ in 0..<2 {
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await reader.next().body == body)
        }
    }

    @Test(arguments: [
        ("X-Bad", "one\r\nSet-Cookie: two"), ("X-Bad", "one\ntwo"), ("X-Bad", "one\u{0}two"), ("X Bad", "one"),
        ("X-Bad\r\nX", "one"), ("", "one"), ("Content-Length", "7"), ("Transfer-Encoding", "gzip"),
    ])
    func `a header field that would split the answer becomes a 500`(name: String, value: String) async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                .reject(Response(status: .ok, headers: [name: value], body: .bytes(Array("secret".utf8))))
            })
        let answer = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 500 "))
        #expect(answer.hasSuffix("failure: the response could not be sent"))
        #expect(!answer.contains("X-Bad") && !answer.contains("Set-Cookie") && !answer.contains("secret"))
        #expect(server.lines.all.contains { $0.hasPrefix("error: ") })
    }

    @Test(arguments: [0, 99, 100, 101, 199, 600, 1000])
    func `a status that is no final answer becomes a 500`(_ code: UInt16) async throws {
        let server = try TestServer(responder: TestResponder { _ in .reject(.text("secret", status: Status(code))) })
        let answer = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 500 "))
        #expect(!answer.contains("secret"))
    }

    @Test func `header fields go out in order, with their spelling, also twice`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in
                var headers: HeaderFields = ["ETag": "\"r1\"", "vary": "A"]
                headers.append("vary", "B")
                headers.append("X-Bytes", bytes: [0x61, 0x09, 0xC3, 0xA9])
                return .reject(Response(status: .ok, headers: headers))
            })
        let answer = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.contains("ETag: \"r1\"\r\nvary: A\r\nvary: B\r\nX-Bytes: a\té\r\n"))
    }

    @Test func `a response may close its connection`() async throws {
        let server = try TestServer(
            responder: TestResponder { _ in .reject(Response(status: .ok, closesConnection: true)) })
        #expect(try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").contains("\r\nConnection: close\r\n"))
    }
}
