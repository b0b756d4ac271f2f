package import JSON

/// What came back to a command, whole.
package struct ClientAnswer: Sendable {
    package let status: Int
    package let body: [UInt8]
    private let fields: [String: String]

    /// - Parameter fields: the header fields; their names in lower case.
    init(status: Int, fields: [String: String], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// The entity tag of what was read or written.
    package var etag: String? { fields["etag"] }

    /// The target of the next page of a list (`Link: <…>; rel="next"`, `gateway.md §4`).
    var nextPage: String? {
        guard let link = fields["link"], link.hasPrefix("<"), let end = link.firstIndex(of: ">"),
            link[end...].contains("rel=\"next\"")
        else { return nil }
        return String(link[link.index(after: link.startIndex)..<end])
    }

    /// The body as a value; null for none.
    package func value() throws(ClientFailure) -> JSONValue {
        guard !body.isEmpty else { return .null }
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw ClientFailure(.failed, "the gateway's answer is no JSON: \(error)")
        }
    }
}
