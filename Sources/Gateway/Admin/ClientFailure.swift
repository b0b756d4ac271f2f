package import JSON

/// Why a command did not get what it asked for.
package struct ClientFailure: Error, Sendable, CustomStringConvertible {
    /// What the process tells its caller (`gateway.md §10`).
    package enum Kind: Sendable {
        case failed, usage, notFound, conflict
    }

    package let kind: Kind
    /// What, where, and what to do, for a human.
    package let message: String
    /// The error object the gateway answered with; nil when there was no such answer.
    package let problem: JSONObject?

    package init(_ kind: Kind, _ message: String, problem: JSONObject? = nil) {
        self.kind = kind
        self.message = message
        self.problem = problem
    }

    /// A refusal of the gateway (`gateway.md §4`).
    init(status: Int, body: [UInt8]) {
        let problem = (try? JSONValue(parsing: body))?["error"]?.objectValue
        let kind: Kind
        switch status {
        case 404: kind = .notFound
        case 409, 412, 428: kind = .conflict
        default: kind = .failed
        }
        self.init(
            kind, problem?["message"]?.stringValue ?? "the gateway answered with status \(status)", problem: problem)
    }

    /// The `code` of the gateway's refusal.
    package var code: String? { problem?["code"]?.stringValue }

    package var description: String { message }
}
