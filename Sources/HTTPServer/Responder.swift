/// The application above this server.
package protocol Responder: Sendable {
    /// Decides on a request by its head: before its body is read and before `100 Continue` is sent.
    ///
    /// Runs on libmicrohttpd's thread and must not block. A request that is rejected while it announces a body has
    /// its body drained within `ServerConfiguration.drainLimit` and `drainTimeout`; then it is answered and the
    /// connection closed. Without a body the connection stays usable.
    func admit(_ head: RequestHead) -> Admission

    /// Makes the answer to something the server itself refuses; the body must not be a stream.
    ///
    /// `head` is nil when the head could not be trusted or was never complete. Runs on one of the server's threads
    /// and must not block.
    func failure(_ failure: ServerFailure, head: RequestHead?) -> Response
}

/// What becomes of a request after its head was seen.
package enum Admission: Sendable {
    /// Answer at once; also the cheapest way to answer a request that needs neither its body nor a task.
    case reject(Response)
    /// Take the body as the policy says and run the handler.
    ///
    /// The handler starts on libmicrohttpd's thread and must not block it: what it can answer without awaiting is
    /// sent from there. When the client leaves, its task is cancelled; a response returned nevertheless is
    /// delivered if there is still somebody to read it (a client may close only its own direction).
    case accept(BodyPolicy, @Sendable (Request) async -> Response)
}

/// How a request's body is taken.
package enum BodyPolicy: Sendable {
    /// Collected in memory; more bytes than this are 413. The handler starts when the body is complete.
    case collect(upTo: Int)
    /// Handed on through `Request.bodyStream` with back-pressure; more bytes than this end the stream with an error
    /// and are 413, unless the handler has answered by then. The handler starts at once.
    case stream(upTo: Int)
}

/// What the server refuses by itself; the application gives it a body.
package enum ServerFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The request is not HTTP as this server accepts it; the text says why.
    case malformed(String)
    /// The method is not one of `Method`.
    case methodNotImplemented(String)
    /// An `Expect` header other than `100-continue`.
    case expectationFailed
    /// The body is larger than the admission allows, in bytes.
    case bodyTooLarge(limit: Int)
    /// The head was not complete in time.
    case headTimeout
    /// The body was not complete in time.
    case bodyTimeout
    /// The response cannot be sent, for example because a header contains a line break; the text is for the log.
    case unusableResponse(String)
    /// The server stops.
    case stopping

    package var status: Status {
        switch self {
        case .malformed: .badRequest
        case .methodNotImplemented: .notImplemented
        case .expectationFailed: .expectationFailed
        case .bodyTooLarge: .contentTooLarge
        case .headTimeout, .bodyTimeout: .requestTimeout
        case .unusableResponse: .internalServerError
        case .stopping: .serviceUnavailable
        }
    }

    /// A sentence for the client; says nothing of the inside.
    package var description: String {
        switch self {
        case .malformed(let reason): "malformed request: \(reason)"
        case .methodNotImplemented(let method): "the method \(method) is not implemented"
        case .expectationFailed: "the only expectation this server meets is 100-continue"
        case .bodyTooLarge(let limit): "the request body is larger than \(limit) bytes"
        case .headTimeout: "the request head did not arrive in time"
        case .bodyTimeout: "the request body did not arrive in time"
        case .unusableResponse: "the response could not be sent"
        case .stopping: "the server is stopping"
        }
    }
}
