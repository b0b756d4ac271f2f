package import HTTPClient

/// A place that answers chats (`gateway.md §8`).
///
/// The common language is OpenAI's chat completions: a request body in, a `chat.completion` document or a stream of
/// `chat.completion.chunk` events out. An upstream that speaks something else translates both ways.
package protocol Upstream: Sendable {
    /// The operator's name for it.
    var name: String { get }
    /// The protocol it speaks: `openai`, `echo`, …
    var api: String { get }
    /// Where requests go, for people to see (`POST /api/chat/resolve`); never holds a credential. `nil`: nowhere.
    var endpoint: String? { get }

    /// Asks for a whole answer.
    ///
    /// - Parameter completion: called exactly once, on any thread and possibly before this returns; must not block.
    @discardableResult
    func send(
        _ request: UpstreamRequest,
        completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
    ) -> any UpstreamCall

    /// Asks for a stream of events; see `UpstreamSink` for what comes and on which threads.
    @discardableResult
    func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall
}

extension Upstream {
    /// Asks for a whole answer; cancelling the task cancels the call.
    package func send(_ request: UpstreamRequest) async throws(UpstreamError) -> UpstreamResponse {
        let pending = PendingCall<any UpstreamCall> { $0.cancel() }
        let result: Result<UpstreamResponse, UpstreamError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                pending.set(send(request) { continuation.resume(returning: $0) })
            }
        } onCancel: {
            pending.cancel()
        }
        return try result.get()
    }
}

/// A call under way. Both methods may be called from any thread, at any time, and return at once.
package protocol UpstreamCall: Sendable {
    /// Asks for more after the sink returned `.pause`.
    func resume()
    /// Gives up: connections are closed at once; the receiver hears `UpstreamError.Kind.cancelled` if it has not
    /// heard of an end yet.
    func cancel()
}

/// Takes the events of a streamed answer.
///
/// The calls come one after another, on any thread and possibly before `Upstream.stream` returns: at most one `began`,
/// then any number of `received`, and exactly one `ended`. They must not block.
package protocol UpstreamSink: AnyObject, Sendable {
    /// The upstream has accepted and will stream. From here on nothing is retried.
    func began(_ head: UpstreamHead, call: any UpstreamCall) -> TransferDemand
    /// Whole events as the upstream wrote them, each with its empty line; valid during the call only.
    /// `data: [DONE]` is among them.
    func received(_ events: UnsafeRawBufferPointer) -> TransferDemand
    /// `error` is nil after `data: [DONE]`. Without `began` before it, nothing has been streamed and the error's
    /// `status` can still be answered; otherwise the stream broke off.
    func ended(_ error: UpstreamError?)
}
