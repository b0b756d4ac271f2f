internal import HTTPServer

/// How a process of this machine reaches a server: `http://127.0.0.1:8080` or `unix:/run/gateway.sock`.
///
/// The lock file carries it from the server to the command line (`gateway.md §2`).
enum LocalURL {
    /// The way to a server that listens at these addresses; nil when there are none.
    ///
    /// Where the token of the lock file is taken comes first: Unix sockets and loopback, then every interface.
    static func best(of addresses: [BoundAddress]) -> String? {
        addresses.min { rank($0.address) < rank($1.address) }.map { text($0.address) }
    }

    private static func rank(_ address: ListenAddress) -> Int {
        switch address {
        case .unix: 0
        case .address(let address) where address.isLoopback: 1
        case .any: 2
        case .address(let address) where address.isUnspecified: 2
        case .address: 3
        }
    }

    private static func text(_ address: ListenAddress) -> String {
        switch address {
        case .unix(let path): "unix:\(path)"
        case .any(let port), .address(.ipv4(0, let port)): "http://127.0.0.1:\(port)"
        case .address(.ipv6(0, 0, let port)): "http://[::1]:\(port)"
        case .address(let address): "http://\(address)"
        }
    }
}

extension SocketAddress {
    /// `0.0.0.0` or `::`, which as a place to listen mean every interface.
    fileprivate var isUnspecified: Bool {
        switch self {
        case .ipv4(0, _), .ipv6(0, 0, _): true
        case .ipv4, .ipv6, .unix: false
        }
    }
}
