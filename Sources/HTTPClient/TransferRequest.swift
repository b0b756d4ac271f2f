/// One HTTP/1.1 request as the transport sends it.
package struct TransferRequest: Sendable {
    package var method: String
    /// Absolute, `http` or `https`, without credentials; sent as written (no dot-segment clean-up).
    package var url: String
    /// A Unix domain socket to connect to in place of the URL's host and port; nil: there.
    package var unixSocketPath: String?
    package var headers: RequestHeaders
    /// Sent from where it lies, without a copy.
    package var body: [UInt8]
    package var timeouts: TransferTimeouts
    /// The most bytes a collected answer may have; a larger one ends as `TransferError.Kind.tooLarge`.
    package var maximumResponseBytes: Int
    /// How much is collected of an answer whose status is not 2xx: the rest is not waited for, and no error. `nil`: all.
    package var maximumFailureBytes: Int?

    package init(
        method: String = "GET", url: String, unixSocketPath: String? = nil, headers: RequestHeaders = RequestHeaders(),
        body: [UInt8] = [],
        timeouts: TransferTimeouts = TransferTimeouts(), maximumResponseBytes: Int = 32 << 20,
        maximumFailureBytes: Int? = nil
    ) {
        self.method = method
        self.url = url
        self.unixSocketPath = unixSocketPath
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.maximumResponseBytes = maximumResponseBytes
        self.maximumFailureBytes = maximumFailureBytes
    }
}

/// Status and header fields of the final answer (1xx are skipped, trailers are not kept).
package struct TransferHead: Sendable {
    package let status: Int
    package let fields: ResponseFields

    package init(status: Int, fields: ResponseFields = ResponseFields()) {
        self.status = status
        self.fields = fields
    }
}

/// A whole answer.
package struct TransferResponse: Sendable {
    package let head: TransferHead
    package let body: [UInt8]

    package var status: Int { head.status }

    package init(head: TransferHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}
