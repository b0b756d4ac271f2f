/// An HTTP status code; a struct, so that codes without a name here survive.
package struct Status: Sendable, Hashable, CustomStringConvertible {
    package let code: UInt16

    package init(_ code: UInt16) { self.code = code }

    package static let ok = Status(200)
    package static let created = Status(201)
    package static let accepted = Status(202)
    package static let noContent = Status(204)
    package static let notModified = Status(304)
    package static let badRequest = Status(400)
    package static let unauthorized = Status(401)
    package static let forbidden = Status(403)
    package static let notFound = Status(404)
    package static let methodNotAllowed = Status(405)
    package static let requestTimeout = Status(408)
    package static let conflict = Status(409)
    package static let preconditionFailed = Status(412)
    package static let contentTooLarge = Status(413)
    package static let unsupportedMediaType = Status(415)
    package static let expectationFailed = Status(417)
    package static let unprocessableContent = Status(422)
    package static let preconditionRequired = Status(428)
    package static let tooManyRequests = Status(429)
    package static let internalServerError = Status(500)
    package static let notImplemented = Status(501)
    package static let badGateway = Status(502)
    package static let serviceUnavailable = Status(503)
    package static let gatewayTimeout = Status(504)

    package var description: String { String(code) }

    /// The reason phrase for answers this server writes itself; libmicrohttpd has its own table for the others.
    var reasonPhrase: String {
        switch code {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: code < 300 ? "OK" : "Error"
        }
    }
}
