import Glibc
import GatewayTestSupport
import Synchronization

/// Lets tasks through once it is open.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Collects what callbacks report.
final class Recorder<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    struct Nothing: Error {}

    func record(_ value: Value) { values.withLock { $0.append(value) } }

    var all: [Value] { values.withLock { $0 } }

    /// The first value; throws when none comes.
    func first() async throws -> Value {
        let deadline = ContinuousClock.now + Patience.limit
        while ContinuousClock.now < deadline {
            if let first = values.withLock({ $0.first }) { return first }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw Nothing()
    }
}

/// Waits until something is true; throws when it does not become so.
func eventually(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + Patience.limit
    while !condition() {
        guard ContinuousClock.now < deadline else { throw Recorder<Never>.Nothing() }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// The ids of libmicrohttpd's threads in this process that are running or could run.
func runnableEventLoops() -> [String] {
    guard let tasks = opendir("/proc/self/task") else { return [] }
    defer { closedir(tasks) }
    var found: [String] = []
    while let entry = readdir(tasks) {
        let id = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        // "id (name) state …"
        guard let file = fopen("/proc/self/task/\(id)/stat", "r") else { continue }
        defer { fclose(file) }
        var line = [UInt8](repeating: 0, count: 128)
        let count = fread(&line, 1, line.count, file)
        if String(decoding: line.prefix(count), as: UTF8.self).contains("(MHD-single) R") { found.append(id) }
    }
    return found
}
