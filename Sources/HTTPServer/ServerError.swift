/// Why a server does not start; the description names the place and what to do.
package struct ServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong, for programs.
    package enum Reason: Sendable, Equatable {
        case addressInUse
        case cannotListen
        case cannotStart
        case alreadyStarted
    }

    package let reason: Reason
    package let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
