import HTTPClient
import JSON
import Synchronization
import Testing

@testable import Gateway
@testable import HTTPServer
@testable import Middlewares
@testable import Upstreams

/// What a stream comes to that cannot be translated to its end.
struct StreamTranslatorTests {
    /// Streams its events, then the mark, for as long as somebody takes them.
    private final class ScriptedUpstream: Upstream {
        let name = "scripted"
        let api = "test"
        let endpoint: String? = nil
        private let event: @Sendable (Int) -> String
        private let count: Int
        private let taken = Atomic(0)

        init(_ count: Int, event: @escaping @Sendable (Int) -> String) {
            self.count = count
            self.event = event
        }

        var takenEvents: Int { taken.load(ordering: .relaxed) }

        func send(
            _ request: UpstreamRequest,
            completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
        ) -> any UpstreamCall {
            completion(.failure(.cancelled(name)))
            return FinishedCall()
        }

        func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall {
            let head = UpstreamHead(
                upstream: name, status: 200, contentType: "text/event-stream", headers: [], requestID: nil)
            _ = sink.began(head, call: FinishedCall())
            for number in 0..<count {
                let bytes = Array("data: \(event(number))\n\n".utf8)
                guard case .cancel = bytes.withUnsafeBytes({ sink.received($0) }) else {
                    taken.add(1, ordering: .relaxed)
                    continue
                }
                sink.ended(.cancelled(name))
                return FinishedCall()
            }
            _ = EventStreamWriter.done.withUnsafeBytes { sink.received($0) }
            sink.ended(nil)
            return FinishedCall()
        }
    }

    /// What the client of a stream gets, and the codes of the failures that are logged.
    private static func relay(
        _ upstream: ScriptedUpstream, _ translator: any StreamTranslator
    ) async throws -> (events: [ServerSentEvent], failures: [String]) {
        let failures = Mutex<[String]>([])
        let relay = StreamRelay(translator) { problem in failures.withLock { $0.append(problem.code) } }
        _ = try await relay.start(upstream, UpstreamRequest(body: []))
        var parser = EventStreamParser()
        var events: [ServerSentEvent] = []
        while let piece = try await relay.stream.next() { events += parser.feed(piece) }
        return (events, failures.withLock { $0 })
    }

    private static func code(_ event: ServerSentEvent?) throws -> String? {
        try event.flatMap { try JSONValue(parsing: $0.data)["error"]?["code"]?.stringValue }
    }

    private let turn = ChatTurn(identity: ["turn_id": "t"])

    @Test func `an answer that grows without end is given up as too large`() async throws {
        let megabyte = String(repeating: "x", count: 1 << 20)
        let upstream = ScriptedUpstream(40) { _ in #"{"choices":[{"delta":{"content":"\#(megabyte)"}}]}"# }
        let (events, failures) = try await Self.relay(upstream, TurnTranslator(turn))
        #expect(upstream.takenEvents == 32)
        #expect(events.map(\.name) == ["turn.started"] + Array(repeating: "turn.delta", count: 32) + ["turn.failed"])
        #expect(try Self.code(events.last) == "upstream_answer_too_large")
        #expect(failures == ["upstream_answer_too_large"])
    }

    @Test func `a stream ends with the first event that cannot be read`() async throws {
        let upstream = ScriptedUpstream(40) { $0 == 3 ? "{" : #"{"choices":[{"delta":{"content":"x"}}]}"# }
        let (events, failures) = try await Self.relay(upstream, TurnTranslator(turn))
        #expect(upstream.takenEvents == 3)
        #expect(
            events.map(\.name) == ["turn.started", "turn.delta", "turn.delta", "turn.delta", "turn.failed"])
        #expect(try Self.code(events.last) == "upstream_bad_response")
        #expect(failures == ["upstream_bad_response"])
    }

    @Test func `texts without number are given up as too large`() async throws {
        let upstream = ScriptedUpstream(5000) { #"{"choices":[{"index":\#($0),"delta":{"content":"x"}}]}"# }
        let answer = AnswerStream(sessions: [], expectsJSON: false)
        let (events, failures) = try await Self.relay(
            upstream, RewritingTranslator(answer, then: TurnTranslator(turn)))
        #expect(upstream.takenEvents == 1024)
        #expect(try Self.code(events.last) == "upstream_answer_too_large")
        #expect(failures == ["upstream_answer_too_large"])
    }

    @Test func `texts that end make room for others`() async throws {
        let upstream = ScriptedUpstream(5000) {
            #"{"choices":[{"index":\#($0),"delta":{"content":"x"},"finish_reason":"stop"}]}"#
        }
        let answer = AnswerStream(sessions: [], expectsJSON: false)
        let (events, failures) = try await Self.relay(
            upstream, RewritingTranslator(answer, then: TurnTranslator(turn)))
        #expect(events.last?.name == "turn.completed")
        #expect(failures == [])
    }
}
