/// A middleware's decision that a chat cannot go on, ready to become the one error body (`gateway.md §4`).
package struct MiddlewareRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP status: 400 when the request is at fault, 502 when the upstream's answer is.
    package let status: Int
    package let code: String
    package let message: String
    package let param: String?
    /// What the log is told in place of a message that quotes the request or the answer.
    package let logged: String?

    package init(status: Int, code: String, message: String, param: String? = nil, logged: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.logged = logged
    }

    package var description: String { "\(status) \(code): \(message)" }
}
