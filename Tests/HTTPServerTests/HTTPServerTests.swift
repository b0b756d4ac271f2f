import GatewayTestSupport
import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func `answers a GET and keeps the connection`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        var reader = ResponseReader(client)
        for _ in 0..<3 {
            try client.send("GET /hello?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try reader.next()
            #expect(response.status == 200)
            #expect(response.text == "GET /hello 0")
        }
    }
}
