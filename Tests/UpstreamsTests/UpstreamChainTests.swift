import GatewayTestSupport
import HTTPClient
import Synchronization
import Testing

@testable import Upstreams

@Suite(.timeLimit(.minutes(1)))
struct UpstreamChainTests {
    let transport: Transport
    let quick = RetryPolicy(maximumRetries: 2, firstDelay: .milliseconds(10))

    init() throws {
        transport = try Transport()
    }

    private func upstream(_ name: String, _ url: String) throws -> OpenAIUpstream {
        try OpenAIUpstream(.init(name: name, baseURL: url), transport: transport)
    }

    /// Fails `failures` times with `status`, then answers.
    private func failing(_ failures: Int, _ status: Int, headers: [(String, String)] = []) throws -> FakeUpstream {
        let left = Atomic(failures)
        return try FakeUpstream { request, exchange in
            if left.subtract(1, ordering: .relaxed).oldValue > 0 {
                exchange.respond(status, headers: headers, #"{"error":{"message":"later"}}"#)
            } else if request["accept"] == "text/event-stream" {
                exchange.beginChunks()
                exchange.chunk("data: 1\n\ndata: [DONE]\n\n")
                exchange.endChunks()
            } else {
                exchange.respond(200, #"{"ok":true}"#)
            }
        }
    }

    @Test(arguments: [408, 429, 500, 503])
    func `what may pass is tried again`(status: Int) async throws {
        let fake = try failing(2, status)
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), policy: quick)
        let response = try await chain.send(UpstreamRequest(body: [0x31]))
        #expect(response.head.attempts == 3)
        #expect(fake.requests.map(\.body) == [[0x31], [0x31], [0x31]])
    }

    @Test func `retries are counted, and the last failure is told`() async throws {
        let fake = try failing(9, 500)
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), policy: quick)
        await #expect {
            try await chain.send(UpstreamRequest(body: []))
        } throws: {
            guard let error = $0 as? UpstreamError else { return false }
            return error.status == 502 && error.attempts == 3
        }
        #expect(fake.requests.count == 3)
    }

    @Test(arguments: [400, 401, 404, 422])
    func `what will not pass is not tried again`(status: Int) async throws {
        let fake = try failing(9, status)
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), policy: quick)
        await #expect(throws: UpstreamError.self) { try await chain.send(UpstreamRequest(body: [])) }
        #expect(fake.requests.count == 1)
    }

    @Test func `Retry-After is honoured`() async throws {
        let fake = try failing(1, 429, headers: [("retry-after-ms", "300"), ("Retry-After", "60")])
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), policy: quick)
        let start = ContinuousClock.now
        _ = try await chain.send(UpstreamRequest(body: []))
        #expect(ContinuousClock.now - start >= .milliseconds(300))
    }

    @Test func `a Retry-After beyond patience is passed on`() async throws {
        let fake = try failing(1, 429, headers: [("Retry-After", "60")])
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), policy: quick)
        await #expect {
            try await chain.send(UpstreamRequest(body: []))
        } throws: {
            ($0 as? UpstreamError)?.retryAfter?.seconds == 60
        }
        #expect(fake.requests.count == 1)
    }

    @Test(arguments: [true, false])
    func `the fallbacks follow in order`(streaming: Bool) async throws {
        let broken = try failing(9, 500)
        let refusing = try failing(9, 401)
        let good = try failing(0, 500)
        defer { [broken, refusing, good].forEach { $0.stop() } }
        let gone = try upstream("gone", "http://127.0.0.1:\(try LoopbackSocket.refusingPort())")
        let chain = UpstreamChain(
            gone,
            fallbacks: [
                try upstream("broken", broken.url), try upstream("refusing", refusing.url),
                try upstream("good", good.url),
            ], policy: RetryPolicy(maximumRetries: 1, firstDelay: .milliseconds(1)))
        if streaming {
            let sink = CollectingSink()
            chain.stream(UpstreamRequest(body: []), to: sink)
            let record = await sink.end()
            #expect(record.text == "data: 1\n\ndata: [DONE]\n\n")
            #expect(record.heads.map(\.upstream) == ["good"])
            #expect(record.heads.map(\.attempts) == [6])
            #expect(record.ends.count == 1 && record.ends[0] == nil)
        } else {
            let response = try await chain.send(UpstreamRequest(body: []))
            #expect(response.head.upstream == "good")
            #expect(response.head.attempts == 6)
        }
        #expect(broken.requests.count == 2)
        #expect(refusing.requests.count == 1)
        #expect(good.requests.count == 1)
    }

    @Test func `a refusal of the request is not carried to the fallback`() async throws {
        let first = try failing(9, 400)
        let second = try failing(0, 500)
        defer { [first, second].forEach { $0.stop() } }
        let chain = UpstreamChain(
            try upstream("a", first.url), fallbacks: [try upstream("b", second.url)], policy: quick)
        await #expect(throws: UpstreamError.self) { try await chain.send(UpstreamRequest(body: [])) }
        #expect(second.requests.isEmpty)
    }

    @Test func `a stream that has begun is never started again`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            exchange.close()
        }
        defer { fake.stop() }
        let sink = CollectingSink()
        UpstreamChain(try upstream("a", fake.url), fallbacks: [EchoUpstream()], policy: quick)
            .stream(UpstreamRequest(body: []), to: sink)
        let record = await sink.end()
        #expect(record.ends.map { $0?.code } == ["upstream_truncated"])
        #expect(fake.requests.count == 1)
    }

    @Test(arguments: [true, false])
    func `a call and a sink that know each other are let go at the end`(echo: Bool) async throws {
        let fake = try failing(1, 500)
        defer { fake.stop() }
        weak var weakSink: CollectingSink?
        do {
            let sink = CollectingSink()
            weakSink = sink
            let first: any Upstream = echo ? EchoUpstream() : try upstream("a", fake.url)
            UpstreamChain(first, policy: quick).stream(
                UpstreamRequest(body: Array(#"{"messages":[{"role":"user","content":"a"}]}"#.utf8)), to: sink)
            let record = await sink.end()
            #expect(record.call != nil && record.ends.count == 1 && record.ends[0] == nil)
        }
        #expect(await fake.wait { _ in weakSink == nil })
    }

    @Test(arguments: [0, 9])
    func `a sink that keeps the chain's call is let go at the end`(failures: Int) async throws {
        let fake = try failing(failures, 500)
        defer { fake.stop() }
        weak var weakSink: CollectingSink?
        do {
            let sink = CollectingSink()
            weakSink = sink
            let call = UpstreamChain(try upstream("a", fake.url), policy: .none)
                .stream(UpstreamRequest(body: []), to: sink)
            #expect(await sink.end().ends.map { $0 == nil } == [failures == 0])
            sink.keep(call)
        }
        #expect(await fake.wait { _ in weakSink == nil })
    }

    @Test func `cancelling ends the pause between two attempts`() async throws {
        let fake = try failing(9, 500)
        defer { fake.stop() }
        let chain = UpstreamChain(
            try upstream("a", fake.url),
            policy: RetryPolicy(maximumRetries: 5, firstDelay: .seconds(600), maximumDelay: .seconds(600)))
        let task = Task { try await chain.send(UpstreamRequest(body: [])) }
        #expect(await fake.wait { $0.requests.count == 1 })
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect {
            try await task.value
        } throws: {
            ($0 as? UpstreamError)?.kind == .cancelled
        }
        #expect(fake.requests.count == 1)
    }

    @Test func `cancelling ends the attempt under way`() async throws {
        let fake = try FakeUpstream { _, exchange in
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        defer { fake.stop() }
        let chain = UpstreamChain(try upstream("a", fake.url), fallbacks: [EchoUpstream()], policy: quick)
        let sink = CollectingSink()
        let call = chain.stream(UpstreamRequest(body: []), to: sink)
        #expect(await fake.wait { $0.requests.count == 1 })
        call.cancel()
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
        #expect(await fake.wait { $0.openConnections == 0 })
        #expect(fake.requests.count == 1)
    }

    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37", nil), ("06 Nov 1994", nil), ("x", nil), ("Sun, 99 Nov 1994 08:49:37 GMT", nil),
    ])
    func `dates of Retry-After are read`(text: String, seconds: Int?) {
        #expect(RetryAfter.secondsSinceEpoch(text) == seconds)
    }

    @Test(arguments: [
        ("retry-after-ms: 1500", Duration.milliseconds(1500)), ("Retry-After: 3", .seconds(3)),
        ("Retry-After: 0.5", .milliseconds(500)),
        ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", .zero), ("Retry-After: -1", nil), ("Retry-After: soon", nil),
        ("retry-after-ms: 1e99", nil), ("X: y", nil),
    ])
    func `Retry-After is read in all its forms`(line: String, delay: Duration?) {
        #expect(RetryAfter(ResponseFields(block: Array((line + "\r\n").utf8)))?.delay == delay)
    }
}
