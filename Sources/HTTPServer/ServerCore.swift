internal import Synchronization

/// How important a line of the server's log is.
package enum ServerLogLevel: Sendable { case debug, warning, error }

/// What every request needs of its server; C's context pointer is one of these.
final class ServerCore: Sendable {
    let configuration: ServerConfiguration
    let responder: any Responder
    let log: @Sendable (ServerLogLevel, String) -> Void
    private let draining = Atomic(false)
    private let counted = Mutex<[SocketAddress: Int]>([:])

    init(
        _ configuration: ServerConfiguration, _ responder: any Responder,
        _ log: @escaping @Sendable (ServerLogLevel, String) -> Void
    ) {
        self.configuration = configuration
        self.responder = responder
        self.log = log
    }

    /// Whether every answer closes its connection, because the server is about to stop.
    var isDraining: Bool {
        get { draining.load(ordering: .relaxed) }
        set { draining.store(newValue, ordering: .relaxed) }
    }

    /// Counts a new connection; false if its address has too many.
    func admit(_ address: SocketAddress) -> Bool {
        guard let limit = configuration.maximumConnectionsPerAddress, let key = countingKey(address) else {
            return true
        }
        let isAdmitted = counted.withLock { counted in
            let count = counted[key, default: 0]
            if count < limit { counted[key] = count + 1 }
            return count < limit
        }
        if !isAdmitted { log(.debug, "refused a connection: its address has \(limit) already") }
        return isAdmitted
    }

    /// A connection that was admitted is closed.
    func forget(_ address: SocketAddress) {
        guard configuration.maximumConnectionsPerAddress != nil, let key = countingKey(address) else { return }
        counted.withLock { counted in
            let count = counted[key, default: 0]
            counted[key] = count > 1 ? count - 1 : nil
        }
    }

    private func countingKey(_ address: SocketAddress) -> SocketAddress? {
        configuration.uncountedPeers.contains { $0.contains(address) } ? nil : address.countingKey
    }
}
