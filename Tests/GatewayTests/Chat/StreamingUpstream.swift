import HTTPClient

@testable import Upstreams

/// An upstream that streams: it begins at once, and what follows is the test's to say.
struct StreamingUpstream: Upstream {
    let name = "streaming"
    let api = "test"
    let endpoint: String? = nil
    /// Called before `stream` returns.
    var play: @Sendable (any UpstreamSink) -> Void = { _ in }

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
        play(sink)
        return FinishedCall()
    }
}
