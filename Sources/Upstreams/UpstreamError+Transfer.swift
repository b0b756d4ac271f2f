internal import HTTPClient

extension UpstreamError {
    /// What a failed transfer means to the client; libcurl's words go to `detail`.
    init(_ error: TransferError, upstream: String) {
        let (kind, status, code, message): (Kind, Int, String, String) =
            switch error.kind {
            case .resolve:
                (.unreachable, 502, "upstream_unreachable", "could not be reached: its host name has no address")
            case .connectRefused:
                (.unreachable, 502, "upstream_unreachable", "could not be reached: nobody accepts connections there")
            case .tls:
                (.unreachable, 502, "upstream_unreachable", "could not be reached: the TLS connection failed")
            case .reset:
                (.unreachable, 502, "upstream_unreachable", "closed the connection without an answer")
            case .connectTimeout:
                (.timeout, 504, "upstream_timeout", "could not be connected to in time")
            case .firstByteTimeout:
                (.timeout, 504, "upstream_timeout", "did not begin to answer in time")
            case .timeout:
                (.timeout, 504, "upstream_timeout", "did not finish its answer in time")
            case .truncated:
                (.truncated, 502, "upstream_truncated", "broke its answer off before the end")
            case .tooLarge:
                (.tooLarge, 502, "upstream_answer_too_large", "answered with more than the gateway accepts")
            case .cancelled:
                (.cancelled, 499, "upstream_cancelled", "was no longer waited for")
            case .badURL, .badHeader:
                (.failed, 502, "upstream_misconfigured", "cannot be called as it is configured")
            case .other:
                (.badAnswer, 502, "upstream_bad_response", "gave an answer that could not be understood")
            }
        self.init(
            kind: kind, upstream: upstream, status: status, code: code, message: "upstream \"\(upstream)\" \(message)")
        switch error.kind {
        case .resolve, .connectRefused, .connectTimeout, .tls, .reset: mayBeRetried = true
        case .firstByteTimeout, .timeout, .truncated, .tooLarge, .cancelled, .badURL, .badHeader, .other: break
        }
        detail = "\(error.label): \(error.message)"
    }

    /// A streamed answer of which more would have to be kept than a whole one may have.
    package static func tooLarge(_ upstream: String) -> UpstreamError {
        UpstreamError(TransferError(.tooLarge, "the stream brings more than is kept of one answer"), upstream: upstream)
    }
}
