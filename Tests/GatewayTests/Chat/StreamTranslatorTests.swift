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
    /// Streams events, then the mark, for as long as somebody takes them: how many were taken, what the client gets, and the
    /// codes of the failures that are logged.
    private static func relay(
        _ count: Int, _ translator: any StreamTranslator, event: @escaping @Sendable (Int) -> String
    ) async throws -> (taken: Int, events: [ServerSentEvent], failures: [String]) {
        let failures = Mutex<[String]>([])
        let taken = Mutex(0)
        let upstream = StreamingUpstream { sink in
            for number in 0..<count {
                let bytes = Array("data: \(event(number))\n\n".utf8)
                if case .cancel = bytes.withUnsafeBytes({ sink.received($0) }) {
                    return sink.ended(.cancelled("streaming"))
                }
                taken.withLock { $0 += 1 }
            }
            _ = EventStreamWriter.done.withUnsafeBytes { sink.received($0) }
            sink.ended(nil)
        }
        let relay = StreamRelay(translator) { problem in failures.withLock { $0.append(problem.code) } }
        _ = try await relay.start(upstream, UpstreamRequest(body: []))
        var parser = EventStreamParser()
        var events: [ServerSentEvent] = []
        while let piece = try await relay.stream.next() { events += parser.feed(piece) }
        return (taken.withLock { $0 }, events, failures.withLock { $0 })
    }

    private static func code(_ event: ServerSentEvent?) throws -> String? {
        try event.flatMap { try JSONValue(parsing: $0.data)["error"]?["code"]?.stringValue }
    }

    private let turn = ChatTurn(identity: ["turn_id": "t"])

    @Test func `an answer that grows without end is given up as too large`() async throws {
        let megabyte = String(repeating: "x", count: 1 << 20)
        let (taken, events, failures) = try await Self.relay(40, TurnTranslator(turn)) { _ in
            #"{"choices":[{"delta":{"content":"\#(megabyte)"}}]}"#
        }
        #expect(taken == 32)
        #expect(events.map(\.name) == ["turn.started"] + Array(repeating: "turn.delta", count: 32) + ["turn.failed"])
        #expect(try Self.code(events.last) == "upstream_answer_too_large")
        #expect(failures == ["upstream_answer_too_large"])
    }

    @Test func `a stream ends with the first event that cannot be read`() async throws {
        let (taken, events, failures) = try await Self.relay(40, TurnTranslator(turn)) {
            $0 == 3 ? "{" : #"{"choices":[{"delta":{"content":"x"}}]}"#
        }
        #expect(taken == 3)
        #expect(
            events.map(\.name) == ["turn.started", "turn.delta", "turn.delta", "turn.delta", "turn.failed"])
        #expect(try Self.code(events.last) == "upstream_bad_response")
        #expect(failures == ["upstream_bad_response"])
    }

    @Test func `texts without number are given up as too large`() async throws {
        let answer = AnswerStream(sessions: [], expectsJSON: false)
        let translator = RewritingTranslator(answer, then: TurnTranslator(turn))
        let (taken, events, failures) = try await Self.relay(5000, translator) {
            #"{"choices":[{"index":\#($0),"delta":{"content":"x"}}]}"#
        }
        #expect(taken == 1024)
        #expect(try Self.code(events.last) == "upstream_answer_too_large")
        #expect(failures == ["upstream_answer_too_large"])
    }

    @Test func `texts that end make room for others`() async throws {
        let answer = AnswerStream(sessions: [], expectsJSON: false)
        let translator = RewritingTranslator(answer, then: TurnTranslator(turn))
        let (_, events, failures) = try await Self.relay(5000, translator) {
            #"{"choices":[{"index":\#($0),"delta":{"content":"x"},"finish_reason":"stop"}]}"#
        }
        #expect(events.last?.name == "turn.completed")
        #expect(failures == [])
    }
}
