internal import HTTPServer
internal import JSON
internal import Logging

/// An error as a client meets it: one status, one body shape (`gateway.md §4`).
///
/// Every failure of a request becomes a `Problem`, and `Problem.response()` is the only place that turns one into bytes.
/// `message` may be shown to anybody who can reach the route; it never carries paths, SQL, keys or prompts.
struct Problem: Error, Sendable, CustomStringConvertible {
    var status: Status
    var code: String
    var message: String
    /// The path of the offending field, when there is one.
    var param: String?
    /// The version the caller expected, for 409 and 412.
    var expectedVersion: UInt64?
    /// The version that is stored, for 409 and 412.
    var currentVersion: UInt64?
    /// Seconds after which a retry makes sense.
    var retryAfter: Int?
    /// Everything that is wrong, where more than one thing can be said; `message` and `param` are the first's.
    var errors: [JSONValue] = []
    /// Methods a 405 names.
    var allow: [String] = []
    /// What the log tells in place of `message`, where that quotes an upstream, a prompt or an answer (`gateway.md §9`).
    var logged: Logger.Metadata?

    init(_ status: Status, code: String, _ message: String, param: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.param = param
    }

    var description: String { message }

    /// The error class of `gateway.md §4` for a status.
    var type: String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 409, 412, 428: "conflict_error"
        case 429: "rate_limit_error"
        case 502, 504: "upstream_error"
        case 503: "unavailable_error"
        case 500...: "internal_error"
        default: "invalid_request_error"
        }
    }

    /// The error object alone, as event streams carry it.
    func body() -> JSONValue {
        var error: JSONObject = [
            "message": .string(message),
            "type": .string(type),
            "param": param.map { .string($0) } ?? .null,
            "code": .string(code),
        ]
        if let expectedVersion { error["expected_version"] = .number(JSONNumber(expectedVersion)) }
        if let currentVersion { error["current_version"] = .number(JSONNumber(currentVersion)) }
        if !errors.isEmpty { error["errors"] = .array(errors) }
        return .object(["error": .object(error)])
    }

    /// The one error-to-response function.
    func response() -> Response {
        var headers = HeaderFields()
        headers.append("Content-Type", "application/json")
        headers.append("Cache-Control", "no-store")
        if let retryAfter { headers.append("Retry-After", String(retryAfter)) }
        if !allow.isEmpty { headers.append("Allow", allow.joined(separator: ", ")) }
        switch status.code {
        case 401: headers.append("WWW-Authenticate", "Bearer")
        // OpenAI's clients retry a 409 unless told otherwise; a stale version never gets better by repeating.
        case 409 where retryAfter == nil, 412: headers.append("x-should-retry", "false")
        default: break
        }
        return Response(status: status, headers: headers, body: .bytes(body().encoded() + [0x0A]))
    }
}

extension Problem {
    static func badRequest(_ message: String, code: String = "bad_request", param: String? = nil) -> Problem {
        Problem(.badRequest, code: code, message, param: param)
    }

    static func notFound(_ message: String, code: String, param: String? = nil) -> Problem {
        Problem(.notFound, code: code, message, param: param)
    }

    static func forbidden(_ message: String, code: String, param: String? = nil) -> Problem {
        Problem(.forbidden, code: code, message, param: param)
    }

    static func internalError(requestID: String) -> Problem {
        Problem(
            .internalServerError, code: "internal_error",
            "internal error; the log has the details under request id \(requestID)")
    }
}
