import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct RequestTests {
    @Test func `answers a GET and keeps the connection`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        var reader = ResponseReader(client)
        for _ in 0..<3 {
            try await client.send("GET /hello?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try await reader.next()
            #expect(response.status == 200)
            #expect(response.text == "GET /hello 0")
            #expect(response["Date"] != nil)
        }
    }

    @Test func `answers pipelined requests in order, inline and suspended ones mixed`() async throws {
        let server = try TestServer(
            responder: TestResponder { head in
                .accept(.collect(upTo: 1 << 20)) { request in
                    if head.target.query("slow") != nil { await Task.yield() }
                    return .text("\(head.target.raw) \(request.body.count)")
                }
            })
        let client = try server.connect()
        var requests = ""
        for index in 0..<300 {
            let slow = index % 3 == 0 ? "?slow=1" : ""
            requests +=
                index % 5 == 0
                ? "POST /\(index)\(slow) HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
                : "GET /\(index)\(slow) HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        let text = requests
        async let sending: Void = client.send(text)
        var reader = ResponseReader(client)
        for index in 0..<300 {
            let response = try await reader.next()
            #expect(response.text == "/\(index)\(index % 3 == 0 ? "?slow=1" : "") \(index % 5 == 0 ? 4 : 0)")
        }
        try await sending
    }

    @Test func `gives the handler the head as it came`() async throws {
        let server = try TestServer(
            responder: TestResponder { head in
                var lines = ["\(head.method) \(head.target.raw)", "\(head.target.path) \(head.target.query)"]
                lines.append("\(head.headers["x-one"] ?? "-")|\(head.headers.values("X-TWO"))|\(head.headers.count)")
                lines.append("\(head.remoteAddress.host) \(head.contentLength ?? -1) \(head.hasBody)")
                return .reject(.text(lines.joined(separator: "\n")))
            })
        let client = try server.connect()
        try await client.send(
            "GET /a%20b/c/?q=1+2&r=%2F HTTP/1.1\r\nHost: a\r\nX-One:  padded \t\r\nX-Two: 1\r\nx-two: 2\r\n\r\n")
        var reader = ResponseReader(client)
        #expect(
            try await reader.next().text == """
                get /a%20b/c/?q=1+2&r=%2F
                ["a b", "c"] [(name: "q", value: "1 2"), (name: "r", value: "/")]
                padded|["1", "2"]|4
                127.0.0.1 -1 false
                """)
    }

    @Test func `a rejected request without a body keeps the connection`() async throws {
        let server = try TestServer(responder: TestResponder { _ in .reject(.text("no", status: .unauthorized)) })
        let client = try server.connect()
        var reader = ResponseReader(client)
        for _ in 0..<2 {
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await reader.next().status == 401)
        }
    }

    @Test func `speaks HTTP 1.0 and closes after it`() async throws {
        let server = try TestServer()
        let answer = try await server.exchange("GET / HTTP/1.0\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.hasSuffix("GET / 0"))
    }

    @Test func `closes when the client asks for it`() async throws {
        let server = try TestServer()
        let answer = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.contains("Connection: close\r\n"))
    }
}
