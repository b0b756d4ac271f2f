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
        Response(status: status, headers: .json, body: .bytes(bytes))
    }

    /// An answer about stored state: validated by `etag` and private to the caller (`gateway.md §4`).
    static func stored(bytes: [UInt8], etag: String, status: Status = .ok, for context: RequestContext) -> Response {
        if status.code == 200, context.head.method == .get || context.head.method == .head,
            let condition = context.head.headers["If-None-Match"], EntityTagList(condition).matchesWeakly(etag)
        {
            // Not sent: it is there for its length (RFC 9110 §8.6).
            return Response(status: .notModified, headers: .stored(etag: etag), body: .bytes(bytes))
        }
        return Response(status: status, headers: .stored(etag: etag), body: .bytes(bytes))
    }

    /// The answer to a write: the profile as it is now, with the tag that guards the next one.
    static func written(_ entry: ProfileEntry, status: Status = .ok) -> Response {
        var response = Response.json(bytes: entry.document, status: status)
        response.headers.append("ETag", entry.etag)
        response.headers.append("Cache-Control", "private, no-cache")
        return response
    }
}

extension HeaderFields {
    fileprivate static let json: HeaderFields = ["Content-Type": "application/json"]

    private static let stored: HeaderFields = [
        "Content-Type": "application/json", "Cache-Control": "private, no-cache",
        "Vary": "Authorization, X-Api-Key, X-Tenant, Cookie",
    ]

    /// The fields of stored state, with room for those that every response gets.
    fileprivate static func stored(etag: String) -> HeaderFields {
        var fields = HeaderFields()
        fields.reserveCapacity(fields: 6, bytes: 320)
        fields.append(contentsOf: stored)
        fields.append("ETag", etag)
        return fields
    }
}
