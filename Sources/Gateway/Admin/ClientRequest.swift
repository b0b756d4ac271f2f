internal import HTTPServer

/// One request a command makes of the gateway, the same whether a server runs or not.
package struct ClientRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// Whose endpoint it is.
    package enum Scope: Sendable {
        /// Below `/t/{tenant}`, for the tenant of the command.
        case tenant
        /// The operator's, `/admin` for one.
        case `operator`
    }

    package var method: Method
    package var scope = Scope.tenant
    /// Path segments, not encoded: `["api", "chat", "profiles", slug]`.
    package var path: [String]
    /// Parameters without a value are left out.
    package var query: [(name: String, value: String?)]
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]?
    package var contentType = "application/json"

    package init(
        _ method: Method, _ path: [String], query: [(name: String, value: String?)] = [], body: [UInt8]? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.body = body
    }

    /// A request to the operator's endpoints: `["admin", "tenants"]`.
    package static func admin(
        _ method: Method, _ path: [String], query: [(name: String, value: String?)] = [], body: [UInt8]? = nil
    ) -> ClientRequest {
        var request = ClientRequest(method, ["admin"] + path, query: query, body: body)
        request.scope = .operator
        return request
    }

    /// The request target: every segment and value percent-encoded.
    func target(tenant: String) -> String {
        let segments = scope == .tenant ? ["t", tenant] + path : path
        let encoded = segments.map { "/" + $0.percentEncoded }.joined()
        let pairs = query.compactMap { name, value in
            value.map { "\(name.percentEncoded)=\($0.percentEncoded)" }
        }
        return pairs.isEmpty ? encoded : encoded + "?" + pairs.joined(separator: "&")
    }
}
