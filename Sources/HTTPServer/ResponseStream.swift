// A bounded mailbox between whoever makes a response's bytes and libmicrohttpd, which reads them.
//
// Any thread may write, without blocking. The reader runs on the connection's event loop: when the mailbox is empty it
// suspends the connection under this stream's lock and sets `isReaderWaiting`; whoever clears that flag, under the
// same lock, is the only one who resumes, and until then the connection cannot go away. So the reader never spins and
// nobody touches a connection that is gone.
//
// The mailbox holds at most its capacity plus one write: a write that fills it still counts and returns `.full`, and
// the writer should wait for `onWritable` or `waitUntilWritable()` before the next.

internal import CHTTPServer
internal import Synchronization

/// A response body that is written while it is sent.
package final class ResponseStream: Sendable {
    /// What a write tells the writer.
    package enum Flow: Sendable { case open, full, closed }

    /// How a stream came to its end.
    package enum Ending: Sendable, Equatable {
        /// Everything was handed to the kernel.
        case finished
        /// The client left, or did not read for `ServerConfiguration.idleTimeout`.
        case clientGone
        /// `abort()` was called, or the server stopped before the stream was finished.
        case aborted
    }

    enum Phase {
        case open
        case finishing
        case aborted(Ending)
    }

    struct State {
        var buffer: [UInt8] = []
        var start = 0
        var phase = Phase.open
        var ending: Ending?
        var connection: ConnectionHandle?
        /// A reader in this process that waits for bytes (`ResponseStream+Reading.swift`).
        var reader: CheckedContinuation<Void, Never>?
        var isReaderWaiting = false
        var saidFull = false
        var isShuttingDown = false
        var onWritable: (@Sendable () -> Void)?
        var onClose: (@Sendable (Ending) -> Void)?
        var onShutdown: (@Sendable (ResponseStream) -> Void)?
        var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiter: UInt64 = 0

        var count: Int { buffer.count - start }
        var isOpen: Bool { if case .open = phase, ending == nil { true } else { false } }

        /// Whom to resume if the reader waits; clears the flag.
        mutating func wakeReader() -> WaitingReader? {
            guard isReaderWaiting else { return nil }
            isReaderWaiting = false
            if let reader {
                self.reader = nil
                return .task(reader)
            }
            return connection.map { .connection($0) }
        }

        mutating func takeWaiters() -> [CheckedContinuation<Bool, Never>] {
            defer { waiters = [:] }
            return Array(waiters.values)
        }
    }

    /// Who is to be told that there is something to read.
    enum WaitingReader {
        case connection(ConnectionHandle)
        case task(CheckedContinuation<Void, Never>)

        func resume() {
            switch self {
            case .connection(let connection): connection.resume()
            case .task(let continuation): continuation.resume()
            }
        }
    }

    let capacity: Int
    let state = Mutex(State())

    /// Makes a stream whose mailbox is full at that many bytes.
    package init(capacity: Int = 64 << 10) { self.capacity = capacity }

    // MARK: writing

    /// Adds bytes to the mailbox; all of them or, when the stream is closed, none.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer) -> Flow {
        let (flow, reader): (Flow, WaitingReader?) = state.withLock { state in
            guard state.isOpen else { return (.closed, nil) }
            state.buffer.append(contentsOf: bytes)
            if state.count >= capacity { state.saidFull = true }
            return (state.saidFull ? .full : .open, bytes.isEmpty ? nil : state.wakeReader())
        }
        reader?.resume()
        return flow
    }

    /// Adds bytes to the mailbox; all of them or, when the stream is closed, none.
    @discardableResult
    package func write(_ bytes: [UInt8]) -> Flow { bytes.withUnsafeBytes { write($0) } }

    /// Adds the text's UTF-8 to the mailbox.
    @discardableResult
    package func write(_ text: String) -> Flow {
        var text = text
        return text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Ends the body properly once everything written has been sent.
    package func finish() {
        let reader: WaitingReader? = state.withLock { state in
            guard state.isOpen else { return nil }
            state.phase = .finishing
            return state.wakeReader()
        }
        reader?.resume()
    }

    /// Cuts the connection: what is in the mailbox is lost and the client can tell that the body is incomplete.
    package func abort() { cut(.aborted) }

    /// Waits until the mailbox has room; false when the stream is closed or the task was cancelled.
    package func waitUntilWritable() async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    guard state.isOpen, !Task.isCancelled else { return false }
                    guard state.saidFull else { return true }
                    state.waiters[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
        }
    }

    // MARK: notices

    /// Calls back each time a full mailbox has half emptied; on the connection's event loop, so it must not block.
    package func onWritable(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onWritable = body } }

    /// Calls back once, when nothing written any more will reach the client; at once if that is so already.
    ///
    /// Runs on one of the server's threads, or the one that called `abort()`; must not block.
    package func onClose(_ body: @escaping @Sendable (Ending) -> Void) {
        let ending: Ending? = state.withLock { state in
            if state.ending == nil { state.onClose = body }
            return state.ending
        }
        if let ending { body(ending) }
    }

    /// Is called when the server stops and the grace is over, to write last bytes and `finish()`; a stream that is
    /// still open after it, or has no such notice, is aborted.
    package func onShutdown(_ body: @escaping @Sendable (ResponseStream) -> Void) {
        state.withLock { $0.onShutdown = body }
    }

    // MARK: the server's side

    /// Tells the stream which connection its reader may suspend.
    func attach(to connection: ConnectionHandle) { state.withLock { $0.connection = connection } }

    /// Fills libmicrohttpd's buffer: the count, 0 after having suspended the connection, `CHS_END` or `CHS_CUT`.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var waiters: [CheckedContinuation<Bool, Never>] = []
        var notice: (@Sendable () -> Void)?
        let count: Int = state.withLock { state in
            if case .aborted = state.phase { return Int(CHS_CUT) }
            if state.count == 0 {
                if case .finishing = state.phase { return Int(CHS_END) }
                guard let connection = state.connection, connection.suspend() else { return Int(CHS_CUT) }
                state.isReaderWaiting = true
                return 0
            }
            let count = min(state.count, target.count)
            state.buffer.withUnsafeBytes { bytes in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[state.start..<(state.start + count)]))
            }
            state.start += count
            if state.count == 0 {
                state.buffer.removeAll(keepingCapacity: state.buffer.capacity <= 2 * capacity)
                state.start = 0
            } else if state.start >= capacity {
                state.buffer.removeSubrange(..<state.start)
                state.start = 0
            }
            if state.saidFull, state.count <= capacity / 2 {
                state.saidFull = false
                waiters = state.takeWaiters()
                notice = state.onWritable
            }
            return count
        }
        for waiter in waiters { waiter.resume(returning: true) }
        notice?()
        return count
    }

    /// The client has left: nothing more is sent and the writer is told.
    func clientLeft() { cut(.clientGone) }

    /// The server stops: last bytes if there is somebody to write them, or the cut. Only the first call does anything.
    func shutDown() {
        let (isFirst, notice) = state.withLock { state in
            defer { state.isShuttingDown = true }
            return (!state.isShuttingDown, state.onShutdown)
        }
        guard isFirst else { return }
        notice?(self)
        if state.withLock({ $0.isOpen }) { cut(.aborted) }
    }

    /// The response is over; `sent` says whether all of it was handed to the kernel.
    func end(sent: Bool) {
        let ending: Ending = state.withLock { state in
            state.connection = nil
            switch state.phase {
            case .aborted(let ending): return ending
            case .finishing where sent: return .finished
            case .finishing, .open: return .clientGone
            }
        }
        close(ending)
    }

    private func cut(_ ending: Ending) {
        let reader: WaitingReader? = state.withLock { state in
            if case .aborted = state.phase { return nil }
            state.phase = .aborted(ending)
            state.buffer = []
            state.start = 0
            return state.wakeReader()
        }
        reader?.resume()
        close(ending)
    }

    private func close(_ ending: Ending) {
        let (waiters, notice) = state.withLock { state in
            guard state.ending == nil else {
                return ([CheckedContinuation<Bool, Never>](), nil as (@Sendable (Ending) -> Void)?)
            }
            state.ending = ending
            defer {
                state.onClose = nil
                state.onWritable = nil
                state.onShutdown = nil
            }
            return (state.takeWaiters(), state.onClose)
        }
        for waiter in waiters { waiter.resume(returning: false) }
        notice?(ending)
    }
}
