import GatewayTestSupport
import HTTPServer
import Synchronization
import Testing

/// What must never be understood in two ways: each is answered 400 and the connection closed.
@Suite(.timeLimit(.minutes(1))) struct RequestHygieneTests {
    struct Input: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: String
        var status = 400
    }

    static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    static let inputs: [Input] = [
        Input(
            testDescription: "two Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n"),
        Input(
            testDescription: "two equal Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n"),
        Input(
            testDescription: "Content-Length with a list",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello"),
        Input(
            testDescription: "Content-Length with a sign",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"),
        Input(
            testDescription: "negative Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        Input(
            testDescription: "empty Content-Length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        Input(
            testDescription: "hexadecimal Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello"),
        Input(
            testDescription: "Content-Length that overflows",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello", status: 413),
        Input(
            testDescription: "Content-Length of 19 digits",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\nhello"),
        Input(
            testDescription: "Content-Length with Transfer-Encoding",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "Transfer-Encoding with Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "two Transfer-Encoding",
            bytes:
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        Input(
            testDescription: "Transfer-Encoding gzip, chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "Transfer-Encoding identity",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
        Input(
            testDescription: "a blank after chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "a tab after chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "Transfer-Encoding xchunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "Transfer-Encoding with a vertical tab",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "Transfer-Encoding in HTTP/1.0",
            bytes: "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Input(
            testDescription: "a blank before the colon of Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 36\r\n\r\n"),
        Input(
            testDescription: "a blank before the colon of Transfer-Encoding",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"),
        Input(
            testDescription: "a tab before the colon",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One\t: 1\r\n\r\n"),
        Input(testDescription: "a header name with a blank", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX One: 1\r\n\r\n"),
        Input(testDescription: "an empty header name", bytes: "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
        Input(testDescription: "a header name in brackets", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX(1): 1\r\n\r\n"),
        Input(testDescription: "a header name beyond ASCII", bytes: "GET / HTTP/1.1\r\nHost: a\r\nXé: 1\r\n\r\n"),
        Input(testDescription: "a header line without a colon", bytes: "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n"),
        Input(
            testDescription: "a folded header",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n two\r\nX-Two: 2\r\n\r\n"),
        Input(
            testDescription: "a folded last header", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\ttwo\r\n\r\n"),
        Input(
            testDescription: "a fold of nothing but blanks",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n \r\n\r\n"),
        Input(
            testDescription: "a fold before the first header",
            bytes: "GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a bare LF after a header", bytes: "GET / HTTP/1.1\r\nHost: a\nX-One: 1\r\n\r\n"),
        Input(testDescription: "a bare LF after the request line", bytes: "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Input(testDescription: "a bare LF after the last header", bytes: "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        Input(testDescription: "a bare LF as the last line", bytes: "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Input(testDescription: "bare LFs everywhere", bytes: "GET / HTTP/1.1\nHost: a\n\n"),
        Input(testDescription: "a bare CR in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r2\r\n\r\n"),
        Input(testDescription: "CR CR LF", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\r\n\r\n"),
        Input(testDescription: "NUL in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\u{0}2\r\n\r\n"),
        Input(
            testDescription: "NUL at the end of a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\u{0}\r\n\r\n"),
        Input(testDescription: "NUL in a name", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}One: 1\r\n\r\n"),
        Input(
            testDescription: "NUL at the start of a header line",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\n\u{0}X-One: 1\r\n\r\n"),
        Input(testDescription: "NUL in the target", bytes: "GET /a\u{0}b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "NUL in the method", bytes: "GE\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a control byte in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: \u{1}\r\n\r\n"),
        Input(testDescription: "DEL in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX-One: \u{7F}\r\n\r\n"),
        Input(testDescription: "no Host", bytes: "GET / HTTP/1.1\r\nX-One: 1\r\n\r\n"),
        Input(testDescription: "no header at all", bytes: "GET / HTTP/1.1\r\n\r\n"),
        Input(testDescription: "an empty Host", bytes: "GET / HTTP/1.1\r\nHost: \r\n\r\n"),
        Input(testDescription: "two Host", bytes: "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Input(testDescription: "two Host in a list", bytes: "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        Input(testDescription: "Host with a path", bytes: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Input(testDescription: "Host with a user", bytes: "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        Input(testDescription: "two blanks in the request line", bytes: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a blank at the end of it", bytes: "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Input(testDescription: "a blank in the target", bytes: "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a tab in the request line", bytes: "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a method that is no token", bytes: "G{T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an unknown method", bytes: "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Input(testDescription: "a method in small letters", bytes: "get / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Input(testDescription: "TRACE", bytes: "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Input(testDescription: "CONNECT", bytes: "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Input(testDescription: "HTTP/2.0", bytes: "GET / HTTP/2.0\r\nHost: a\r\n\r\n", status: 505),
        Input(testDescription: "HTTP/0.9", bytes: "GET / HTTP/0.9\r\nHost: a\r\n\r\n", status: 505),
        Input(testDescription: "a version in small letters", bytes: "GET / http/1.1\r\nHost: a\r\n\r\n"),
        Input(
            testDescription: "an unknown expectation",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\nExpect: the-unexpected\r\n\r\n", status: 417),
        Input(testDescription: "an absolute-form target", bytes: "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an asterisk-form target", bytes: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a target without a slash", bytes: "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "%00 in the path", bytes: "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "%00 in the query", bytes: "GET /?q=a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "%2f", bytes: "GET /t/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "%2F..", bytes: "GET /t/a%2F../b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "%5c", bytes: "GET /t/a%5cb HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a backslash", bytes: "GET /t/a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a dot segment", bytes: "GET /t/./a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "two dots", bytes: "GET /t/../a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "two dots at the end", bytes: "GET /t/.. HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "encoded dots", bytes: "GET /t/%2e%2E/a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "half encoded dots", bytes: "GET /t/.%2e HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an encoded control byte", bytes: "GET /a%0d%0aX HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an escape cut short", bytes: "GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an escape that is none", bytes: "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "an escape that is none in the query", bytes: "GET /?a=%g0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a path that is not UTF-8", bytes: "GET /a%ff HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a fragment", bytes: "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Input(testDescription: "a raw byte beyond ASCII", bytes: "GET /é HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    @Test(arguments: inputs)
    func `refuses and closes, and takes nothing after it as a request`(_ input: Input) async throws {
        let seen = Mutex<[String]>([])
        let server = try TestServer(
            responder: TestResponder { head in
                seen.withLock { $0.append(head.target.raw) }
                return .accept(.collect(upTo: 1 << 20)) { _ in .text("let in") }
            })
        let answer = try await server.exchange(input.bytes + Self.smuggled)
        #expect(answer.hasPrefix("HTTP/1.1 \(input.status) "), "\(answer)")
        #expect(answer.lowercased().contains("\r\nconnection: close\r\n"))
        #expect(!answer.contains("let in"))
        #expect(seen.withLock { $0 } == [])
    }

    /// The same inputs, one byte at a time: what is refused must not depend on how the bytes arrive.
    @Test(arguments: inputs.filter { $0.testDescription.hasSuffix("header") || $0.testDescription.contains("NUL") })
    func `refuses the same when it comes in single bytes`(_ input: Input) async throws {
        let server = try TestServer()
        let client = try server.connect()
        // The refusal may come before the last byte.
        async let sending: Void = {
            for byte in Array(input.bytes.utf8) { try await client.send([byte]) }
        }()
        let answer = try await client.textToEnd()
        #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
        do { try await sending } catch is SocketError {}
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\nX-Tab: one\ttwo\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \r\nX-Last:\t \r\n\r\n",
        "GET / HTTP/1.1\r\nHost:a\r\nX-Odd-!#$%&'*+.^_`|~: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:8080\r\nX-Latin: \u{E9}\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%20a%25/x?q=%2f&r=a+b&&s HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
    func `lets through what is odd and legal`(_ request: String) async throws {
        let server = try TestServer()
        let client = try server.connect()
        try await client.send(request)
        var reader = ResponseReader(client)
        #expect(try await reader.next().status == 200)
    }

    @Test func `answers a head that is too large with 431 and a target that is too long with 414`() async throws {
        let server = try TestServer()
        let long = String(repeating: "x", count: 40_000)
        #expect(try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n").contains(" 431 "))
        #expect(try await server.exchange("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n").contains(" 414 "))
    }

    @Test func `closes on garbage and on a head cut short`() async throws {
        let server = try TestServer()
        #expect(try await server.exchange("\u{16}\u{3}\u{1}\r\n\r\n").contains(" 200 ") == false)
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n")
        client.shutdownWriting()
        #expect(try await client.textToEnd() == "")
    }

    /// The checks on where things lie in the library's buffer are made for this version.
    @Test func `runs on the libmicrohttpd its request checks were made for`() {
        #expect(Server.libraryVersion == "0.9.75")
    }
}
