import Glibc

/// How far long work has come; shown on a terminal only, on standard error, and gone when the work is done.
struct ProgressBar {
    private let what: String
    private let total: Int
    private let isShown: Bool
    private var done = 0
    private var lastShown = ContinuousClock.now

    init(_ what: String, total: Int) {
        self.what = what
        self.total = total
        isShown = isatty(STDERR_FILENO) == 1 && total > 1
    }

    mutating func advance(_ name: String) {
        done += 1
        guard isShown, done == total || .now - lastShown > .milliseconds(80) else { return }
        lastShown = .now
        let filled = 30 * done / max(1, total)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        Output.errorText("\r\u{1B}[2K\(what) \(bar) \(done)/\(total) \(name.prefix(24))")
    }

    func finish() {
        if isShown { Output.errorText("\r\u{1B}[2K") }
    }
}
