// A request body as it arrives: libmicrohttpd's thread puts bytes in, one handler takes them out.
//
// When the handler does not keep up the connection is suspended, under this stream's lock, and `isFeederWaiting` is
// set; whoever clears that flag, under the same lock, resumes.

internal import Synchronization

/// Why a request body has no proper end.
package enum BodyError: Error, Sendable, Equatable {
    /// More bytes than the admission allows came.
    case tooLarge
    /// The body was not complete in time.
    case timeout
    /// The client left, or the server gave the request up.
    case incomplete
}

/// The body of a request whose admission said `stream`; for one reader.
package final class BodyStream: Sendable {
    private enum Phase {
        case open
        case finished
        case failed(BodyError)
        case unwanted
    }

    private struct State {
        var buffer: [UInt8] = []
        var phase = Phase.open
        var reader: CheckedContinuation<Result<[UInt8]?, BodyError>, Never>?
        var isFeederWaiting = false

        mutating func take() -> Result<[UInt8]?, BodyError>? {
            if case .failed(let error) = phase { return .failure(error) }
            if !buffer.isEmpty {
                defer { buffer = [] }
                return .success(buffer)
            }
            switch phase {
            case .open: return nil
            case .finished, .unwanted: return .success(nil)
            case .failed(let error): return .failure(error)
            }
        }

        mutating func wakeFeeder() -> Bool {
            defer { isFeederWaiting = false }
            return isFeederWaiting
        }
    }

    private let connection: ConnectionHandle?
    private let capacity: Int
    private let state = Mutex(State())

    init(connection: ConnectionHandle, capacity: Int = 256 << 10) {
        self.connection = connection
        self.capacity = capacity
    }

    /// A stream that is complete from the start, for tests of handlers.
    package init(_ bytes: [UInt8]) {
        connection = nil
        capacity = .max
        state.withLock { state in
            state.buffer = bytes
            state.phase = .finished
        }
    }

    /// The next bytes, as many as are there; nil at the end of the body.
    ///
    /// Throws when the body has no proper end, also when the client left; cancelling the task does the same.
    package func next() async throws(BodyError) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (result, wakes): (Result<[UInt8]?, BodyError>?, Bool) = state.withLock { state in
                    if let result = state.take() { return (result, state.wakeFeeder()) }
                    if Task.isCancelled { return (.failure(.incomplete), false) }
                    state.reader = continuation
                    return (nil, false)
                }
                if wakes { connection?.resume() }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }?.resume(returning: .failure(.incomplete))
        }
        return try result.get()
    }

    // MARK: the server's side

    /// Puts bytes in and suspends the connection when the handler does not keep up; inside the body callback.
    func feed(_ bytes: UnsafeRawBufferPointer) {
        change { state in
            guard case .open = state.phase else { return }
            state.buffer.append(contentsOf: bytes)
            // A refused suspension means that the server stops; then the bytes in hand are the last.
            if state.reader == nil, state.buffer.count >= capacity {
                state.isFeederWaiting = connection?.suspend() ?? false
            }
        }
    }

    /// The body is complete.
    func finish() { change { state in if case .open = state.phase { state.phase = .finished } } }

    /// The body will not be complete.
    func fail(_ error: BodyError) {
        change { state in
            guard case .open = state.phase else { return }
            state.phase = .failed(error)
            state.buffer = []
        }
    }

    /// Nobody reads any more.
    func discard() {
        change { state in
            guard case .open = state.phase else { return }
            state.phase = .unwanted
            state.buffer = []
        }
    }

    private func change(_ body: (inout sending State) -> Void) {
        typealias Reader = CheckedContinuation<Result<[UInt8]?, BodyError>, Never>
        let (reader, result, wakes): (Reader?, Result<[UInt8]?, BodyError>?, Bool) = state.withLock { state in
            body(&state)
            var wakes = false
            if case .open = state.phase {} else { wakes = state.wakeFeeder() }
            guard let reader = state.reader, let result = state.take() else { return (nil, nil, wakes) }
            state.reader = nil
            return (reader, result, wakes)
        }
        if wakes { connection?.resume() }
        if let reader, let result { reader.resume(returning: result) }
    }
}
