/// Why an upstream gave no (whole) answer, in words that may be shown to the client.
///
/// `status`, `code` and `message` follow `gateway.md §4` and §8: the upstream's own 400, 404, 413, 422 and 429 pass with
/// their message, credentials masked; a timeout is 504; everything else is 502. `detail` is for the log only.
package struct UpstreamError: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// No connection: name, address, TLS, or broken off before an answer.
        case unreachable
        case timeout
        /// The upstream refused our credential.
        case authentication
        /// The upstream refused the request; its answer is passed on.
        case refused
        /// The upstream answered with a failure of its own.
        case failed
        /// The answer is not what was asked for.
        case badAnswer
        /// The stream broke off before its end.
        case truncated
        case tooLarge
        /// Somebody on our side gave up.
        case cancelled
    }

    package let kind: Kind
    /// The name of the upstream.
    package let upstream: String
    /// The HTTP status for our client.
    package let status: Int
    package let code: String
    package let message: String
    /// The provider's `param`, only with `.refused`.
    package internal(set) var param: String?
    /// The status the upstream answered with, if it answered.
    package internal(set) var upstreamStatus: Int?
    /// When to come back, as the upstream said it (only with 429 and 503).
    package internal(set) var retryAfter: RetryAfter?
    /// Transport's or library's words, for the log; may name hosts and ports, never credentials.
    package internal(set) var detail: String?
    /// How many calls were made, 1 without retries.
    package internal(set) var attempts = 1

    init(kind: Kind, upstream: String, status: Int, code: String, message: String) {
        self.kind = kind
        self.upstream = upstream
        self.status = status
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }

    /// Whether the same upstream may be asked again: connection errors, 408, 429, 5xx (`gateway.md §8`).
    package internal(set) var mayBeRetried = false

    /// Whether another upstream may do better.
    package var mayFallBack: Bool {
        switch kind {
        case .unreachable, .timeout, .failed, .authentication, .badAnswer, .truncated: true
        case .refused: upstreamStatus == 429
        case .tooLarge, .cancelled: false
        }
    }

    static func cancelled(_ upstream: String) -> UpstreamError {
        // 499 is nobody's answer: whoever cancelled is gone.
        UpstreamError(
            kind: .cancelled, upstream: upstream, status: 499, code: "upstream_cancelled",
            message: "the call to upstream \"\(upstream)\" was cancelled")
    }

    static func truncated(_ upstream: String, detail: String) -> UpstreamError {
        var error = UpstreamError(
            kind: .truncated, upstream: upstream, status: 502, code: "upstream_truncated",
            message: "upstream \"\(upstream)\" broke its answer off before the end; what came so far is incomplete")
        error.detail = detail
        return error
    }

    static func badAnswer(_ upstream: String, status: Int, _ what: String) -> UpstreamError {
        var error = UpstreamError(
            kind: .badAnswer, upstream: upstream, status: 502, code: "upstream_bad_response",
            message: "upstream \"\(upstream)\" \(what)")
        error.upstreamStatus = status
        return error
    }
}
