import FoundationEssentials
import Gateway
import Glibc

/// The user's own editor, on the user's own terminal.
struct TextEditor {
    /// A shell command, as `$VISUAL` and `$EDITOR` hold one: it may have arguments.
    private let command: String

    init() {
        let environment = ProcessInfo.processInfo.environment
        let chosen = ["VISUAL", "EDITOR"].compactMap { environment[$0] }.first { !$0.isEmpty }
        command = chosen ?? "vi"
    }

    /// Opens the file and waits for the editor to end.
    ///
    /// - Throws: `ClientFailure` when there is no such editor or it ends with another status than 0.
    func edit(_ path: String) throws(ClientFailure) {
        // Ctrl-C on the terminal is the editor's while it runs, not ours.
        let handlers = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_IGN)) }
        defer { for (number, handler) in handlers { signal(number, handler) } }
        let status = try wait(for: try spawn(["/bin/sh", "-c", command + " \"$1\"", "sh", path]))
        guard status == 0 else {
            throw ClientFailure(
                .failed,
                "the editor \(command.debugDescription) ended with status \(status); nothing was written "
                    + "(set VISUAL or EDITOR to choose another)")
        }
    }

    private func spawn(_ arguments: [String]) throws(ClientFailure) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What we ignore, the editor should not.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGQUIT, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, arguments[0], nil, &attributes, &pointers, environ)
        guard code == 0 else {
            throw ClientFailure(.failed, "the editor cannot be started: \(String(cString: strerror(code)))")
        }
        return child
    }

    private func wait(for child: pid_t) throws(ClientFailure) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else {
                throw ClientFailure(.failed, "the editor was lost: \(String(cString: strerror(errno)))")
            }
        }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
