// Exit codes every command keeps to (gateway.md §10).

/// What the process tells its caller.
enum ExitStatus: Int32 {
    case ok = 0
    case failed = 1
    case usage = 2
    case notFound = 3
    case conflict = 4
}

/// A command's failure: what to print on standard error (`nil` = it has been logged), and the exit code.
struct CommandFailure: Error {
    let message: String?
    let status: ExitStatus
}
