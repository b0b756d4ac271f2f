import SQLite
import Synchronization

/// Whether somebody wants long work on a thread to end: its caller, the process that stops, whoever needs the file.
///
/// Work asks between its pieces; a statement that SQLite runs meanwhile is ended from the thread that cancels.
final class Cancellation: Sendable {
    private let state = Mutex(State())
    private let parents: [Cancellation]

    private struct State {
        var isCancelled = false
        /// Those whose statements are ended; each is open as long as it is here.
        var connections: [ObjectIdentifier: Connection] = [:]
    }

    /// - Parameter parents: when one of them is cancelled, this is.
    init(under parents: Cancellation...) {
        self.parents = parents
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } || parents.contains { $0.isCancelled } }

    /// Whether there is a connection now whose statements it would end.
    var isInterrupting: Bool { state.withLock { !$0.connections.isEmpty } }

    /// From any thread, any number of times.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            for connection in state.connections.values { connection.interrupt() }
        }
    }

    /// Throws `cancelled` once it is.
    func check(_ what: String) throws(RegistryError) {
        if isCancelled { throw .cancelled(what) }
    }

    /// Runs `body`, whose statements on the connection end when this is cancelled, also those that begin just then.
    ///
    /// Throws `cancelled` whatever `body` has made of it: to the body, an interrupted statement may have looked like
    /// damage. The connection may be closed when this returns. Not to be nested on one connection.
    func interrupting<Value>(_ connection: Connection, _ what: String, _ body: () throws -> Value) throws -> Value {
        let everyone = lineage
        return try connection.interruptible {
            defer { for one in everyone { one.detach(connection) } }
            for one in everyone {
                guard one.attach(connection) else { throw RegistryError.cancelled(what) }
            }
            let value: Value
            do { value = try body() } catch {
                try check(what)
                throw error
            }
            try check(what)
            return value
        }
    }

    private var lineage: [Cancellation] { [self] + parents.flatMap(\.lineage) }

    private func attach(_ connection: Connection) -> Bool {
        state.withLock { state in
            guard !state.isCancelled else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    private func detach(_ connection: Connection) {
        state.withLock { $0.connections[ObjectIdentifier(connection)] = nil }
    }
}
