/// What a handler gives back.
package struct Response: Sendable {
    /// The body: nothing, bytes, or a stream that somebody goes on writing after the handler has returned.
    package enum Body: Sendable {
        case empty
        case bytes([UInt8])
        case stream(ResponseStream)
    }

    package var status: Status
    package var headers: HeaderFields
    /// With HEAD, 204 and 304 the body is not sent; `Content-Length` still tells its length (not with 204),
    /// so a 304 should carry the body that a 200 would have.
    package var body: Body
    /// Whether the connection is closed after this answer.
    package var closesConnection: Bool

    package init(
        status: Status, headers: HeaderFields = HeaderFields(), body: Body = .empty, closesConnection: Bool = false
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.closesConnection = closesConnection
    }
}
