import Synchronization

/// One writer and up to `maximumReaders` read-only readers of one file, each opened when first needed.
///
/// Only the writer commits and checkpoints: with that SQLite 3.40.1's WAL-reset bug cannot be reached from this
/// process. The owner calls `withWriter` from one thread at a time; readers may be used from any. Calls block, so they
/// belong on threads that may.
package final class ConnectionPool: Sendable {
    package let path: String
    package let options: ConnectionOptions
    private let maximumReaders: Int
    private let state = Mutex(State())

    private struct State {
        var writer: Connection?
        var idleReaders: [Connection] = []
        var lentReaders = 0
        /// Grows when everything open is dropped: a reader lent before that must not be lent again.
        var generation = 0
        var isClosed = false
    }

    package init(path: String, options: ConnectionOptions, maximumReaders: Int = 4) {
        self.path = path
        self.options = options
        self.maximumReaders = maximumReaders
    }

    /// Whether any connection is open.
    package var isOpen: Bool {
        state.withLock { $0.writer != nil || !$0.idleReaders.isEmpty || $0.lentReaders > 0 }
    }

    /// The writer if it is open.
    package var openWriter: Connection? { state.withLock { $0.writer } }

    /// The one read-write connection, opened if it is not.
    package func writer() throws(SQLiteError) -> Connection {
        let (present, isClosed) = state.withLock { ($0.writer, $0.isClosed) }
        if let present { return present }
        guard !isClosed else { throw Self.closedError }
        let opened = try Connection(path: path, options: options)
        state.withLock { $0.writer = opened }
        return opened
    }

    /// Lends a read-only connection to `body`; it cannot be asked for more than `maximumReaders` at once.
    ///
    /// Throws `busy` when all are lent: a caller retries, it does not wait on a thread.
    package func withReader<Value>(_ body: (Connection) throws -> Value) throws -> Value {
        let (reader, generation) = try borrowReader()
        defer { giveBack(reader, generation) }
        return try body(reader)
    }

    /// Lends a read-only connection that has read nothing yet, and closes it afterwards.
    package func withFreshReader<Value>(_ body: (Connection) throws -> Value) throws -> Value {
        let reader = try Connection(path: path, options: options.reading)
        defer { reader.close() }
        return try body(reader)
    }

    /// Closes the readers that are not lent, then the writer if no reader is left; side files go with the last one.
    ///
    /// Returns whether everything is closed.
    @discardableResult
    package func closeIdle() -> Bool {
        let (readers, writer) = state.withLock { state -> ([Connection], Connection?) in
            let readers = state.idleReaders
            state.idleReaders = []
            guard state.lentReaders == 0 else { return (readers, nil) }
            let writer = state.writer
            state.writer = nil
            return (readers, writer)
        }
        for reader in readers { reader.close() }
        writer?.close()
        return !isOpen
    }

    /// Drops every connection without a checkpoint: the file under them is not the one they opened, or an fsync
    /// failed. Lent readers are closed when they come back.
    package func abandon() {
        let (readers, writer) = state.withLock { state -> ([Connection], Connection?) in
            let all = (state.idleReaders, state.writer)
            state.idleReaders = []
            state.writer = nil
            state.generation += 1
            return all
        }
        for reader in readers { reader.closeWithoutCheckpoint() }
        writer?.closeWithoutCheckpoint()
    }

    /// Closes for good; later calls throw `misuse`.
    package func close() {
        state.withLock { $0.isClosed = true }
        closeIdle()
    }

    private static let closedError = SQLiteError(code: .misuse, message: "the connection pool is closed")

    private func borrowReader() throws -> (Connection, generation: Int) {
        enum Choice {
            case use(Connection, Int)
            case open(Int)
            case refuse(SQLiteError)
        }
        let choice = state.withLock { state -> Choice in
            if state.isClosed { return .refuse(Self.closedError) }
            if let idle = state.idleReaders.popLast() {
                state.lentReaders += 1
                return .use(idle, state.generation)
            }
            guard state.lentReaders < maximumReaders else {
                return .refuse(SQLiteError(code: .busy, message: "all \(maximumReaders) readers are in use"))
            }
            state.lentReaders += 1
            return .open(state.generation)
        }
        switch choice {
        case .use(let reader, let generation): return (reader, generation)
        case .refuse(let error): throw error
        case .open(let generation):
            do {
                return (try Connection(path: path, options: options.reading), generation)
            } catch {
                state.withLock { $0.lentReaders -= 1 }
                throw error
            }
        }
    }

    private func giveBack(_ reader: Connection, _ generation: Int) {
        let (keep, isStale) = state.withLock { state -> (Bool, Bool) in
            state.lentReaders -= 1
            let isStale = state.generation != generation
            guard !state.isClosed && !isStale else { return (false, isStale) }
            state.idleReaders.append(reader)
            return (true, false)
        }
        if isStale { reader.closeWithoutCheckpoint() } else if !keep { reader.close() }
    }
}
