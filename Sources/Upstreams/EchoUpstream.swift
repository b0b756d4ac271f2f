internal import HTTPClient
internal import JSON

/// The built-in upstream: answers without a network with a report of what it was sent, the same bytes for the same
/// request (`gateway.md §8`).
package struct EchoUpstream: Upstream {
    package let name: String
    package let api = "echo"
    package let endpoint: String? = nil
    /// Between two words of a stream.
    private let wordDelay: Duration

    package init(name: String = "echo", wordDelay: Duration = .zero) {
        self.name = name
        self.wordDelay = wordDelay
    }

    @discardableResult
    package func send(
        _ request: UpstreamRequest,
        completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
    ) -> any UpstreamCall {
        do throws(UpstreamError) {
            let answer = EchoAnswer(try question(request))
            completion(.success(UpstreamResponse(head: head("application/json"), body: answer.document())))
        } catch {
            completion(.failure(error))
        }
        return FinishedCall()
    }

    @discardableResult
    package func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall {
        do throws(UpstreamError) {
            let answer = EchoAnswer(try question(request))
            let call = EchoStream(
                events: answer.events(), head: head("text/event-stream"), sink: sink, delay: wordDelay)
            call.start()
            return call
        } catch {
            sink.ended(error)
            return FinishedCall()
        }
    }

    private func question(_ request: UpstreamRequest) throws(UpstreamError) -> EchoQuestion {
        do throws(EchoQuestion.Refusal) {
            return try EchoQuestion(request.body, showsSystemText: request.showsSystemText)
        } catch {
            var refusal = UpstreamError(
                kind: .refused, upstream: name, status: 400, code: "upstream_rejected", message: error.reason)
            refusal.upstreamStatus = 400
            refusal.param = error.param
            throw refusal
        }
    }

    private func head(_ contentType: String) -> UpstreamHead {
        UpstreamHead(upstream: name, status: 200, contentType: contentType, headers: [], requestID: nil)
    }
}
