/// Why a transfer has no (whole) answer.
///
/// `kind` is closed and small, fit for a metric label and for deciding about a retry; `message` is for people and
/// never holds a URL, a header or body bytes.
package struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The host name has no address.
        case resolve
        /// Nobody accepted the connection: refused, unreachable.
        case connectRefused
        /// No connection within `TransferTimeouts.connect`, name look-up and TLS handshake included.
        case connectTimeout
        /// Connected or not: no response head within `TransferTimeouts.firstByte`.
        case firstByteTimeout
        /// Silence longer than `TransferTimeouts.idle`, or the whole took longer than `TransferTimeouts.total`.
        case timeout
        /// The connection broke off: no answer at all, or reset.
        case reset
        /// The body ended before its announced length or its last chunk.
        case truncated
        case tls
        /// The head or the collected body is larger than allowed.
        case tooLarge
        /// By `Transfer.cancel()`, the sink, the surrounding task, or the transport's shutdown.
        case cancelled
        case badURL
        /// A request header that would not be one line of HTTP.
        case badHeader
        /// libcurl's code for everything else (an answer that is no HTTP, out of memory, …).
        case other(code: Int)
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }

    /// A short, bounded name for logs and metric labels.
    package var label: String {
        switch kind {
        case .resolve: "resolve"
        case .connectRefused: "connect_refused"
        case .connectTimeout: "connect_timeout"
        case .firstByteTimeout: "first_byte_timeout"
        case .timeout: "timeout"
        case .reset: "reset"
        case .truncated: "truncated"
        case .tls: "tls"
        case .tooLarge: "too_large"
        case .cancelled: "cancelled"
        case .badURL: "bad_url"
        case .badHeader: "bad_header"
        case .other: "other"
        }
    }
}
