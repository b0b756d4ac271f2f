internal import HTTPServer
internal import JSON
internal import Tenants

extension Response {
    /// A JSON answer: one value and a newline.
    static func json(_ value: JSONValue, status: Status = .ok) -> Response {
        .json(bytes: value.encoded() + [0x0A], status: status)
    }

    /// A JSON answer from bytes that are one already.
    static func json(bytes: [UInt8], status: Status = .ok) -> Response {
        var headers = HeaderFields()
        headers.append("Content-Type", "application/json")
        return Response(status: status, headers: headers, body: .bytes(bytes))
    }

    /// An answer about stored state: validated by `etag` and private to the caller (`gateway.md §4`).
    static func stored(bytes: [UInt8], etag: String, status: Status = .ok, for context: RequestContext) -> Response {
        if status.code == 200, context.head.method == .get || context.head.method == .head,
            let condition = context.head.headers["If-None-Match"], EntityTagList(condition).matchesWeakly(etag)
        {
            var headers = HeaderFields()
            headers.appendStored(etag: etag)
            return Response(status: .notModified, headers: headers, body: .empty)
        }
        var response = Response.json(bytes: bytes, status: status)
        response.headers.appendStored(etag: etag)
        return response
    }
}

extension HeaderFields {
    fileprivate mutating func appendStored(etag: String) {
        append("ETag", etag)
        append("Cache-Control", "private, no-cache")
        append("Vary", "Authorization, X-Api-Key, X-Tenant, Cookie")
    }
}
