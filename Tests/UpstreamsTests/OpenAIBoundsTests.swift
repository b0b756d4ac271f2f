import GatewayTestSupport
import HTTPClient
import Synchronization
import Testing

@testable import Upstreams

/// What an upstream that never ends may take of us.
struct OpenAIBoundsTests {
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    private func upstream(_ fake: FakeUpstream) throws -> OpenAIUpstream {
        try OpenAIUpstream(.init(name: "fake", baseURL: fake.url), transport: transport)
    }

    /// Sends the mark, and then `rest` for as long as somebody reads; tells whether nobody does any more.
    private func hangsUp(on rest: String, restPatience: Duration) async throws -> Bool {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: [DONE]\n\n")
            while exchange.chunk(rest) { exchange.sleep(milliseconds: 1) }
            hungUp.store(true, ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        transport.stream(
            TransferRequest(method: "POST", url: fake.url),
            to: OpenAIStream(sink: sink, upstream: "fake", mask: CredentialMask([]), restPatience: restPatience))
        let record = await sink.end()
        #expect(record.text == "data: [DONE]\n\n")
        #expect(record.ends.map { $0?.code } == [nil])
        return await fake.wait { _ in hungUp.load(ordering: .relaxed) }
    }

    @Test func `comments after the mark are waited for a while only`() async throws {
        #expect(try await hangsUp(on: ": x\n\n", restPatience: .milliseconds(100)))
    }

    @Test func `of what follows the mark only so many bytes are read`() async throws {
        #expect(try await hangsUp(on: String(repeating: "x", count: 1 << 14), restPatience: .seconds(3600)))
    }

    @Test func `an upstream that says nothing after its mark is let go`() async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: [DONE]\n\n")
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        #expect(await sink.end().ends.map { $0?.code } == [nil])
        #expect(await fake.wait { _ in hungUp.load(ordering: .relaxed) })
    }

    /// An error's words, and then more than anybody keeps of them, for as long as somebody reads.
    private static func failing(_ status: Int) throws -> FakeUpstream {
        try FakeUpstream { _, exchange in
            exchange.beginChunks(status, headers: [("Content-Type", "application/json")])
            exchange.chunk(#"{"error":{"message":"no such model"}}"# + String(repeating: " ", count: 64 << 10))
            while exchange.chunk(" ") { exchange.sleep(milliseconds: 5) }
            exchange.close()
        }
    }

    @Test func `of a failure that never ends a streamed call reads what it keeps`() async throws {
        let fake = try Self.failing(404)
        defer { fake.stop() }
        let sink = CollectingSink()
        try upstream(fake).stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.ends.map { $0?.status } == [404])
        #expect(record.ends.map { $0?.message } == ["no such model"])
        #expect(await fake.wait { $0.openConnections == 0 })
    }

    @Test(arguments: [
        (404, 404, "upstream_not_found"), (401, 502, "upstream_auth_failed"), (500, 502, "upstream_failed"),
    ])
    func `of a failure that never ends a whole call reads what it keeps`(
        answered: Int, status: Int, code: String
    ) async throws {
        let fake = try Self.failing(answered)
        defer { fake.stop() }
        let result = Mutex<Result<UpstreamResponse, UpstreamError>?>(nil)
        try upstream(fake).send(UpstreamRequest(body: [])) { answer in result.withLock { $0 = answer } }
        #expect(await fake.wait { _ in result.withLock { $0 != nil } })
        guard case .failure(let error) = result.withLock({ $0 }) else {
            Issue.record("the call did not fail")
            return
        }
        #expect((error.status, error.code) == (status, code))
        #expect(await fake.wait { $0.openConnections == 0 })
    }
}
