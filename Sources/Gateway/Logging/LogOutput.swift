// Where log lines go. A logging thread only appends to a buffer under a short lock; a queue of our own writes whole
// lines to the descriptor. So a terminal, pipe or disk that does not keep up never holds a libmicrohttpd or transport
// thread; beyond one mebibyte of unwritten lines new ones are dropped, counted, and the count is logged.

internal import Dispatch
internal import Glibc
internal import Synchronization

/// A descriptor that takes log lines from any thread.
package final class LogOutput: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var isDraining = false
        var dropped = 0
    }

    private static let maximumPending = 1 << 20

    private let descriptor: Int32
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    /// Makes the line that reports dropped ones.
    private let droppedLine: @Sendable (Int) -> [UInt8]

    /// Writes to `descriptor`, which stays the caller's.
    package init(descriptor: Int32, droppedLine: @escaping @Sendable (Int) -> [UInt8]) {
        self.descriptor = descriptor
        self.droppedLine = droppedLine
    }

    /// Takes one line, line end included; never waits for the descriptor.
    package func append(_ line: [UInt8]) {
        let mustStart = state.withLock { state in
            if state.pending.count + line.count > Self.maximumPending {
                state.dropped += 1
                return false
            }
            state.pending += line
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustStart { queue.async { self.drain() } }
    }

    /// Waits until everything appended so far has been written; for the end of the process and for tests.
    package func flush() {
        queue.sync { drain() }
    }

    private func drain() {
        while true {
            let (batch, dropped) = state.withLock { state in
                defer {
                    state.isDraining = !state.pending.isEmpty || state.dropped > 0
                    state.pending = []
                    state.dropped = 0
                }
                return (state.pending, state.dropped)
            }
            if batch.isEmpty && dropped == 0 { return }
            write(batch)
            if dropped > 0 { write(droppedLine(dropped)) }
        }
    }

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&poller, 1, 1000)
            } else if errno != EINTR {
                // Nobody is left to tell: the log itself is gone.
                return
            }
        }
    }
}
