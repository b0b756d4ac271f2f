import HTTPClient
import Synchronization
import Testing

@testable import Gateway
@testable import HTTPServer
@testable import Upstreams

@Suite(.timeLimit(.minutes(1))) struct StreamRelayTests {
    /// One letter for each part of a stream.
    private final class Letters: StreamTranslator {
        func began(_ head: UpstreamHead) -> [UInt8] { Array("b".utf8) }
        func translate(_ events: UnsafeRawBufferPointer) -> [UInt8]? { nil }
        func completed() -> [UInt8] { Array("C".utf8) }
        func failed(_ problem: Problem) -> [UInt8] { Array("F".utf8) }
    }

    private static func text(of stream: ResponseStream) async throws -> String {
        var bytes: [UInt8] = []
        while let piece = try await stream.next() { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The upstream's thread and the one that stops the server meet in every possible way.
    @Test func `a stream is closed once, and by its last words, when the server stops while it runs`() async throws {
        for _ in 0..<5000 {
            let relay = StreamRelay(Letters()) { _ in }
            _ = try await relay.start(StreamingUpstream(), UpstreamRequest(body: []))
            let runs = Atomic(false)
            let upstream = Task.detached {
                runs.store(true, ordering: .relaxed)
                for _ in 0..<40 {
                    [UInt8]("e".utf8).withUnsafeBytes { _ = relay.received($0) }
                }
                relay.ended(nil)
            }
            while !runs.load(ordering: .relaxed) { await Task.yield() }
            for _ in 0..<Int.random(in: 0..<200) { _ = relay.stream.capacity }
            relay.stream.shutDown()
            await upstream.value
            let text = try await Self.text(of: relay.stream)
            try #require(text.wholeMatch(of: /be*[CF]/) != nil)
        }
    }
}
