import GatewayTestSupport
import HTTPServer
import Synchronization
import Testing

@testable import Gateway

/// A command that leaves an answer before its end.
struct CarrierTests {
    private static func readOnePiece(of body: AsyncThrowingStream<[UInt8], any Error>) async throws {
        for try await piece in body {
            #expect(piece == Array("one".utf8))
            return
        }
    }

    private func waitUntil(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + Patience.limit
        while !condition() {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test func `who leaves an answer of this process ends it`() async throws {
        let stream = ResponseStream()
        stream.write("one")
        try await Self.readOnePiece(of: LocalCarrier.pieces(of: .stream(stream)))
        try await waitUntil { stream.write("more") == .closed }
    }

    @Test func `whose wait for an answer of this process is cancelled ends it`() async throws {
        let stream = ResponseStream()
        let reader = Task { try await Self.readOnePiece(of: LocalCarrier.pieces(of: .stream(stream))) }
        reader.cancel()
        _ = await reader.result
        try await waitUntil { stream.write("more") == .closed }
    }

    @Test func `who leaves an answer of a server ends it`() async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("one")
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let url = LocalURL.http(authority: "127.0.0.1:\(fake.port)")
        let carrier = try RemoteCarrier(RunningServer(pid: 1, url: url, token: "t", defaultTenant: nil))
        try await Self.readOnePiece(of: carrier.send(.admin(.get, ["x"]), target: "/admin/x").body)
        try await waitUntil { hungUp.load(ordering: .relaxed) }
        await carrier.close()
    }
}
