import GatewayTestSupport
import HTTPClient
import Synchronization
import Testing

@testable import Upstreams

@Suite(.timeLimit(.minutes(1)))
struct OpenAIUpstreamTests {
    static let key = "key-0123456789-abcdefghij"
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    private func upstream(
        _ fake: FakeUpstream, headers: [(name: String, value: String)] = [],
        timeouts: TransferTimeouts = TransferTimeouts()
    ) throws -> OpenAIUpstream {
        try OpenAIUpstream(
            OpenAIUpstream.Configuration(
                name: "fake", baseURL: fake.url + "/v1", credential: Credential(Self.key), headers: headers,
                timeouts: timeouts),
            transport: transport)
    }

    private func failure(_ upstream: some Upstream, _ request: UpstreamRequest) async -> UpstreamError? {
        do {
            _ = try await upstream.send(request)
            return nil
        } catch {
            return error
        }
    }

    // MARK: what goes up, what comes down

    @Test func `bodies pass both ways untouched, headers by allow-list`() async throws {
        let answer = #" {"id":"1",  "x":1.10,"choices":[]} "#
        let fake = try FakeUpstream { _, exchange in
            exchange.respond(
                200,
                headers: [
                    ("Content-Type", "application/json; charset=utf-8"), ("X-Request-Id", "req-7"),
                    ("Openai-Processing-Ms", "12"), ("OpenAI-Organization", "org"), ("Set-Cookie", "a=b"),
                    ("X-Ratelimit-Remaining-Requests", "5"), ("OpenAI-Version", "2020-10-01"), ("Server", "x"),
                ], answer)
        }
        defer { fake.stop() }
        let body = Array(#"{"model" : "m", "big":9007199254740993}"#.utf8)
        let response = try await upstream(fake, headers: [("X-Team", "red")]).send(
            UpstreamRequest(
                body: body,
                clientHeaders: [
                    ("Authorization", "Bearer client"), ("X-Api-Key", "client"), ("Cookie", "c=d"),
                    ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1"), ("Host", "evil"), ("Content-Length", "1"),
                    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                    ("Tracestate", "vendor=1"), ("User-Agent", "client/1"), ("OpenAI-Organization", "theirs"),
                    ("OpenAI-Beta", "x\r\ny"),
                ],
                profileHeaders: [("OpenAI-Organization", "ours"), ("x-team", "blue")]))

        #expect(response.body == Array(answer.utf8))
        #expect(response.head.contentType == "application/json; charset=utf-8")
        #expect(response.head.requestID == "req-7")
        #expect(response.head.upstream == "fake")
        #expect(response.head.headers.map(\.name) == ["openai-processing-ms", "openai-version"])

        let request = try #require(fake.requests.first)
        #expect(request.method == "POST")
        #expect(request.target == "/v1/chat/completions")
        #expect(request.body == body)
        let sent = Dictionary(grouping: request.headers) { $0.name.lowercased() }.mapValues { $0.map(\.value) }
        #expect(
            sent == [
                "host": ["127.0.0.1:\(fake.port)"], "accept": ["application/json"], "x-team": ["red"],
                "content-type": ["application/json"], "content-length": ["\(body.count)"],
                "authorization": ["Bearer \(Self.key)"], "user-agent": ["profile-gateway"],
                "traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
                "tracestate": ["vendor=1"], "openai-organization": ["ours"],
            ])
    }

    @Test func `a request's credential replaces the upstream's own`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "{}") }
        defer { fake.stop() }
        let request = UpstreamRequest(body: [0x7B, 0x7D], credential: Credential("tenant-key-1234"))
        _ = try await upstream(fake).send(request)
        #expect(
            fake.requests.first?.headers.filter { $0.name == "Authorization" }.map(\.value) == [
                "Bearer tenant-key-1234"
            ])
        #expect("\(request)".contains("tenant-key") == false)
    }

    @Test func `a credential that would break its header line is refused at once`() {
        #expect {
            try OpenAIUpstream(
                OpenAIUpstream.Configuration(name: "x", baseURL: "http://x", credential: Credential("a\r\nX: y")),
                transport: transport)
        } throws: {
            ($0 as? TransferError)?.kind == .badHeader
        }
    }

    // MARK: failures

    @Test(arguments: [400, 404, 413, 422, 429])
    func `a refusal passes with its message, without credentials`(status: Int) async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.respond(
                status, headers: [("Content-Type", "application/json"), ("Retry-After", "7")],
                #"{"error":{"message":"Bad key \#(Self.key) or sk-abcdefghijklmnop; Authorization: Bearer zzz","code":"c-\#(Self.key)","param":"messages[0]","type":"t"}}"#
            )
        }
        defer { fake.stop() }
        let error = try #require(await failure(try upstream(fake), UpstreamRequest(body: [])))
        #expect(error.status == status)
        #expect(error.kind == .refused)
        #expect(error.message == "Bad key *** or ***; Authorization: Bearer ***")
        #expect(error.code == "c-***")
        #expect(error.param == "messages[0]")
        #expect(error.upstreamStatus == status)
        #expect(error.retryAfter == (status == 429 ? RetryAfter(delay: .seconds(7)) : nil))
        #expect(error.mayBeRetried == (status == 429))
        #expect(!"\(error)\(error.detail ?? "")".contains(Self.key))
    }

    @Test(arguments: [
        (#"{"error":"plain words"}"#, "plain words"), (#"{"message":"top"}"#, "top"), (#"{"detail":"det"}"#, "det"),
        ("<html>secret page</html>", "upstream \"fake\" answered 400"), ("", "upstream \"fake\" answered 400"),
        (#"{"error":{"message":5}}"#, "upstream \"fake\" answered 400"),
    ])
    func `messages of other shapes are found, pages are not quoted`(body: String, message: String) async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(400, body) }
        defer { fake.stop() }
        #expect(await failure(try upstream(fake), UpstreamRequest(body: []))?.message == message)
    }

    @Test(arguments: [
        (401, "upstream_auth_failed", UpstreamError.Kind.authentication, false),
        (403, "upstream_auth_failed", .authentication, false), (408, "upstream_failed", .failed, true),
        (500, "upstream_failed", .failed, true), (503, "upstream_failed", .failed, true),
        (302, "upstream_bad_response", .badAnswer, false), (418, "upstream_bad_response", .badAnswer, false),
    ])
    func `every other status is 502 without the upstream's words`(
        status: Int, code: String, kind: UpstreamError.Kind, retried: Bool
    ) async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(status, #"{"error":{"message":"private words"}}"#)
        }
        defer { fake.stop() }
        let error = try #require(await failure(try upstream(fake), UpstreamRequest(body: [])))
        #expect(error.status == 502)
        #expect(error.code == code)
        #expect(error.kind == kind)
        #expect(error.mayBeRetried == retried)
        #expect(!error.message.contains("private"))
    }

    @Test(arguments: ["<html></html>", "", "[1]", "\"text\"", "{\"half\":", "{not json}", #"{"a":1}{}"#])
    func `an answer that is no JSON object is 502`(body: String) async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, body) }
        defer { fake.stop() }
        let error = try #require(await failure(try upstream(fake), UpstreamRequest(body: [])))
        #expect(error.status == 502)
        #expect(error.code == "upstream_bad_response")
    }

    @Test func `an error in an accepted answer is a failure, and masked`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.respond(200, #"{"error":{"message":"bad key \#(Self.key)","code":"k","param":"p"},"choices":[]}"#)
        }
        defer { fake.stop() }
        let error = await failure(try upstream(fake), UpstreamRequest(body: Array("{}".utf8)))
        #expect(error?.message == "bad key ***")
        #expect(error?.code == "k")
        #expect(error?.param == "p")
        #expect(error?.status == 502)
        #expect(error?.mayFallBack == true)
        #expect(error?.mayBeRetried == false)
    }

    @Test(arguments: ["", "\r"])
    func `an error event ends a stream with what came before it`(carriageReturn: String) async throws {
        let end = carriageReturn + "\n"
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk(
                "data: {\"a\":\"error\"}\(end)\(end)data: {\"error\":\"bad key \(Self.key)\"}\(end)\(end)"
                    + "data: [DONE]\(end)\(end)")
            exchange.endChunks()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: Array("{}".utf8)), to: sink)
        let record = await sink.end()
        // Of a CR LF the event ends with the CR.
        #expect(record.text.hasPrefix("data: {\"a\":\"error\"}\(end)"))
        #expect(!record.text.contains("bad key") && !record.text.contains("DONE"))
        #expect(record.ends.map { $0?.message } == ["bad key ***"])
        #expect(record.ends.map { $0?.code } == ["upstream_failed"])
    }

    @Test func `a silent upstream is 504, a refusing one 502`() async throws {
        let fake = try FakeUpstream { _, exchange in
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        defer { fake.stop() }
        let impatient = UpstreamRequest(body: [], timeouts: TransferTimeouts(firstByte: .milliseconds(100)))
        let silent = try #require(await failure(try upstream(fake), impatient))
        #expect((silent.status, silent.code) == (504, "upstream_timeout"))
        #expect(!silent.mayBeRetried && silent.mayFallBack)

        let nobody = "http://127.0.0.1:\(try LoopbackSocket.refusingPort())"
        let refusing = try OpenAIUpstream(.init(name: "gone", baseURL: nobody), transport: transport)
        let refused = try #require(await failure(refusing, UpstreamRequest(body: [])))
        #expect((refused.status, refused.code) == (502, "upstream_unreachable"))
        #expect(refused.mayBeRetried)
        #expect(!refused.message.contains("127.0.0.1"))
    }

    // MARK: streams

    @Test func `a stream passes byte for byte and ends at the mark`() async throws {
        let stream = "data: {\"a\":1}\r\n\r\n: note\n\ndata: {\"b\":\"é\"}\n\ndata: [DONE]\n\n"
        let fake = try FakeUpstream { request, exchange in
            #expect(request["accept"] == "text/event-stream")
            exchange.beginChunks(headers: [("Content-Type", "text/event-stream; charset=utf-8"), ("Set-Cookie", "a=b")])
            for byte in stream.utf8 { exchange.send(Array("1\r\n".utf8) + [byte] + Array("\r\n".utf8)) }
            exchange.endChunks()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.text == stream)
        #expect(record.ends.count == 1 && record.ends[0] == nil)
        #expect(record.heads.map(\.contentType) == ["text/event-stream; charset=utf-8"])
        #expect(record.heads.first?.headers.isEmpty == true)
        // Never half an event; at most the last LF of a CR LF comes by itself.
        #expect(record.pieces.count <= 5)
        for piece in record.pieces { #expect(piece.utf8.last == 0x0A || piece.utf8.last == 0x0D) }
        // The connection goes on living.
        let second = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: second)
        _ = await second.end()
        #expect(fake.acceptedConnections == 1)
    }

    @Test(arguments: [true, false])
    func `a stream without its mark is truncated, and half an event is not shown`(clean: Bool) async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: {\"a\":1}\n\ndata: {\"ha")
            if clean { exchange.endChunks() } else { exchange.close() }
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.text == "data: {\"a\":1}\n\n")
        #expect(record.ends.map { $0?.code } == ["upstream_truncated"])
        #expect(record.ends.map { $0?.status } == [502])
    }

    @Test func `a connection reset in the middle is truncated too`() async throws {
        let sink = CollectingSink()
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            while sink.now.pieces.isEmpty { exchange.sleep(milliseconds: 5) }
            exchange.reset()
        }
        defer { fake.stop() }
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        #expect(await sink.end().ends.map { $0?.code } == ["upstream_truncated"])
    }

    @Test func `a refused stream tells why and never begins`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(400, #"{"error":{"message":"no such thing"}}"#) }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.heads.isEmpty)
        #expect(record.ends.map { $0?.message } == ["no such thing"])
        #expect(record.ends.map { $0?.status } == [400])
    }

    @Test func `a whole answer where a stream was asked for is 502`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "{}") }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.heads.isEmpty)
        #expect(record.ends.map { $0?.code } == ["upstream_bad_response"])
    }

    @Test func `an upstream that stays after its mark does not keep the client waiting`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: [DONE]\n\n")
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        let call = try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.ends.count == 1 && record.ends[0] == nil)
        call.cancel()
    }

    @Test func `cancelling reaches the upstream`() async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        let call = try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        #expect(await fake.wait { _ in !sink.now.pieces.isEmpty })
        call.cancel()
        #expect(await fake.wait { _ in hungUp.load(ordering: .relaxed) })
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
    }

    @Test func `an event without end is cut off`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            while exchange.chunk(String(repeating: "x", count: 1 << 16)) {}
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.ends.map { $0?.code } == ["upstream_bad_response"])
        #expect(record.pieces.isEmpty)
    }
}
