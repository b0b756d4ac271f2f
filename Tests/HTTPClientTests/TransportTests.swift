import GatewayTestSupport
import Synchronization
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1)))
struct TransportTests {
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    @Test func `collects an answer with its status, fields and body`() async throws {
        let fake = try FakeUpstream { request, exchange in
            exchange.respond(
                201, headers: [("Content-Type", "application/json"), ("X-Thing", " padded "), ("Empty", "")],
                #"{"got":\#(request.body.count)}"#)
        }
        defer { fake.stop() }
        let response = try await transport.send(
            TransferRequest(
                method: "POST", url: fake.url + "/v1/x?y=1",
                headers: try RequestHeaders([("Content-Type", "application/json"), ("X-Empty", "")]), body: [1, 2, 3]))
        #expect(response.status == 201)
        #expect(String(decoding: response.body, as: UTF8.self) == #"{"got":3}"#)
        #expect(response.head.fields["content-type"] == "application/json")
        #expect(response.head.fields["x-thing"] == "padded")
        #expect(response.head.fields["Empty"] == "")
        #expect(response.head.fields["absent"] == nil)
        #expect(response.head.fields.map(\.name) == ["Content-Type", "X-Thing", "Empty", "Content-Length"])

        let request = try #require(fake.requests.first)
        #expect(request.method == "POST")
        #expect(request.target == "/v1/x?y=1")
        #expect(request.body == [1, 2, 3])
        #expect(request["x-empty"] == "")
        let names = Set(request.headers.map { $0.name.lowercased() })
        #expect(names == ["host", "accept", "content-type", "x-empty", "content-length"])
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE"])
    func `sends every method it is asked for`(method: String) async throws {
        let fake = try FakeUpstream { request, exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (request.method == "HEAD" ? "" : "ok"))
        }
        defer { fake.stop() }
        // Twice, so that a pooled handle is used again after another method.
        for _ in 0..<2 {
            let response = try await transport.send(TransferRequest(method: method, url: fake.url + "/a/../b"))
            #expect(response.status == 200)
            _ = try await transport.send(TransferRequest(method: method == "GET" ? "POST" : "GET", url: fake.url))
        }
        #expect(fake.requests.map(\.method).filter { $0 == method }.count == 2)
        #expect(fake.requests.first?.target == "/a/../b")
    }

    @Test func `sends a body of 3 MB without asking for permission first`() async throws {
        let fake = try FakeUpstream { request, exchange in exchange.respond(200, "\(request.body.count)") }
        defer { fake.stop() }
        let body = [UInt8](repeating: 0x61, count: 3 << 20)
        let response = try await transport.send(TransferRequest(method: "POST", url: fake.url, body: body))
        #expect(String(decoding: response.body, as: UTF8.self) == "\(3 << 20)")
        #expect(fake.requests.first?["expect"] == nil)
        #expect(fake.requests.first?.body == body)
    }

    @Test func `takes an answer that comes before the whole request is sent`() async throws {
        let fake = try FakeUpstream(greeting: "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        defer { fake.stop() }
        let body = [UInt8](repeating: 0, count: 16 << 20)
        let response = try await transport.send(TransferRequest(method: "POST", url: fake.url, body: body))
        #expect(response.status == 413)
        #expect(response.body == Array("no".utf8))
    }

    @Test func `adds no content type of its own`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond() }
        defer { fake.stop() }
        _ = try await transport.send(TransferRequest(method: "POST", url: fake.url, body: [0x31]))
        #expect(fake.requests.first?["content-type"] == nil)
    }

    @Test func `skips 1xx heads and leaves trailers out`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            exchange.send("2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")
        }
        defer { fake.stop() }
        let response = try await transport.send(TransferRequest(url: fake.url))
        #expect(response.status == 200)
        #expect(response.head.fields["link"] == nil)
        #expect(response.head.fields["x-sum"] == nil)
        #expect(response.body == Array("hi".utf8))
    }

    @Test func `does not follow redirects`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(302, headers: [("Location", "/elsewhere")]) }
        defer { fake.stop() }
        let response = try await transport.send(TransferRequest(url: fake.url))
        #expect(response.status == 302)
        #expect(fake.requests.count == 1)
    }

    @Test func `uses one connection for requests one after another`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "ok") }
        defer { fake.stop() }
        for _ in 0..<50 {
            _ = try await transport.send(TransferRequest(method: "POST", url: fake.url, body: [0x31]))
        }
        #expect(fake.requests.count == 50)
        #expect(fake.acceptedConnections == 1)
    }

    @Test func `survives a kept-alive connection that the server has closed`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.respond(200, "ok")
            exchange.close()
        }
        defer { fake.stop() }
        for round in 1...5 {
            let response = try await transport.send(TransferRequest(method: "POST", url: fake.url, body: [0x31]))
            #expect(response.status == 200)
            #expect(await fake.wait { $0.openConnections == 0 })
            #expect(fake.acceptedConnections == round)
        }
    }

    @Test func `carries 500 transfers at once`() async throws {
        let fake = try FakeUpstream { request, exchange in
            exchange.sleep(milliseconds: 100)
            exchange.respond(200, request.text)
        }
        defer { fake.stop() }
        let good = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let request = TransferRequest(method: "POST", url: fake.url, body: Array("n\(number)".utf8))
                    let response = try? await transport.send(request)
                    return response?.body == Array("n\(number)".utf8)
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(good == 500)
        #expect(fake.requests.count == 500)
    }

    @Test func `holds no more connections to a host than it may, and cancels what waits for one`() async throws {
        let goesOn = Atomic(false)
        let fake = try FakeUpstream { request, exchange in
            exchange.sleep(milliseconds: 5)
            while request.target == "/slow", !goesOn.load(ordering: .relaxed) { exchange.sleep(milliseconds: 5) }
            exchange.respond(200, "ok")
        }
        defer { fake.stop() }
        let limited = try Transport(TransportConfiguration(maximumConnectionsPerHost: 2))
        let answered = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask { (try? await limited.send(TransferRequest(url: fake.url)))?.status == 200 }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(answered == 40)
        #expect(fake.acceptedConnections <= 2)

        for _ in 0..<2 { limited.send(TransferRequest(url: fake.url + "/slow")) { _ in } }
        #expect(await fake.wait { $0.requests.count == 42 })
        let waiting = Task { try await limited.send(TransferRequest(url: fake.url + "/never")) }
        try await Task.sleep(for: .milliseconds(20))
        waiting.cancel()
        await #expect(throws: TransferError.self) { try await waiting.value }
        goesOn.store(true, ordering: .relaxed)
        #expect(try await limited.send(TransferRequest(url: fake.url)).status == 200)
        #expect(!fake.requests.contains { $0.target == "/never" })
    }

    @Test func `ignores the environment's proxy`() async {
        // In a process of its own: changing the environment is not safe beside other threads.
        await #expect(processExitsWith: .success) {
            let refusing = try LoopbackSocket.refusingPort()
            for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
                try #require(TestEnvironment.set(name, "http://127.0.0.1:\(refusing)"))
            }
            let fake = try FakeUpstream { _, exchange in exchange.respond(200, "direct") }
            let response = try await Transport().send(TransferRequest(url: fake.url))
            #expect(response.body == Array("direct".utf8))
        }
    }

    @Test func `uses a proxy it was configured with`() async throws {
        let proxy = try FakeUpstream { request, exchange in exchange.respond(200, request.target) }
        defer { proxy.stop() }
        let proxied = try Transport(TransportConfiguration(proxy: proxy.url))
        let response = try await proxied.send(TransferRequest(url: "http://upstream.test/x"))
        #expect(response.body == Array("http://upstream.test/x".utf8))
    }

    @Test(arguments: [
        ("X Y", "v"), ("", "v"), ("X:", "v"), ("X", "a\r\nInjected: 1"), ("X", "a\u{0}b"), ("Content-Length", "5"),
        ("transfer-encoding", "chunked"), ("Host", "other"), ("Expect", "100-continue"),
    ])
    func `refuses a header that is no line of its own`(name: String, value: String) throws {
        #expect {
            try RequestHeaders([(name, value)])
        } throws: {
            ($0 as? TransferError)?.kind == .badHeader
        }
    }
}
