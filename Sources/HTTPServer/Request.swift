/// Everything that is known of a request before its body.
///
/// One reference to immutable storage, so that passing it on costs one retain.
package struct RequestHead: Sendable {
    private final class Storage: Sendable {
        let method: Method
        let target: RequestTarget
        let headers: HeaderFields
        let remoteAddress: SocketAddress
        let contentLength: Int?
        let isChunked: Bool
        let expectsContinue: Bool

        init(
            method: Method, target: RequestTarget, headers: HeaderFields, remoteAddress: SocketAddress,
            contentLength: Int?, isChunked: Bool, expectsContinue: Bool
        ) {
            self.method = method
            self.target = target
            self.headers = headers
            self.remoteAddress = remoteAddress
            self.contentLength = contentLength
            self.isChunked = isChunked
            self.expectsContinue = expectsContinue
        }
    }

    private let storage: Storage

    /// Makes a head; the server does so per request, tests may.
    package init(
        method: Method, target: RequestTarget, headers: HeaderFields = HeaderFields(),
        remoteAddress: SocketAddress = .ipv4(0x7F00_0001, port: 0), contentLength: Int? = nil, isChunked: Bool = false,
        expectsContinue: Bool = false
    ) {
        storage = Storage(
            method: method, target: target, headers: headers, remoteAddress: remoteAddress,
            contentLength: contentLength, isChunked: isChunked, expectsContinue: expectsContinue)
    }

    package var method: Method { storage.method }
    package var target: RequestTarget { storage.target }
    package var headers: HeaderFields { storage.headers }
    /// The address of the peer of the connection (a proxy, if one stands in front).
    package var remoteAddress: SocketAddress { storage.remoteAddress }
    /// The announced length of the body; nil if there was no `Content-Length`.
    package var contentLength: Int? { storage.contentLength }
    package var isChunked: Bool { storage.isChunked }
    /// Whether the client waits for `100 Continue` before it sends the body.
    package var expectsContinue: Bool { storage.expectsContinue }
    /// Whether a body was announced.
    package var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}

/// A request as a handler gets it.
package struct Request: Sendable {
    package let head: RequestHead
    /// The whole body if the admission said `collect`; empty otherwise.
    package let body: [UInt8]
    /// The body as it arrives if the admission said `stream` and the request has one.
    package let bodyStream: BodyStream?

    package init(head: RequestHead, body: [UInt8] = [], bodyStream: BodyStream? = nil) {
        self.head = head
        self.body = body
        self.bodyStream = bodyStream
    }
}
