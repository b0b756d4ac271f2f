internal import HTTPServer

/// How a process of this machine reaches a server: `http://127.0.0.1:8080` or `unix:/run/gateway.sock`.
///
/// The lock file carries it from the server to the command line (`gateway.md §2`).
enum LocalURL: Sendable, Equatable, CustomStringConvertible {
    case http(authority: String)
    /// An absolute path.
    case unix(path: String)

    /// The way to a server that listens at these addresses; nil when there are none.
    ///
    /// Where the token of the lock file is taken comes first: Unix sockets and loopback, then every interface.
    init?(bestOf addresses: [ListenAddress]) {
        guard let best = addresses.min(by: { Self.rank($0) < Self.rank($1) }) else { return nil }
        self.init(best)
    }

    private init(_ address: ListenAddress) {
        switch address {
        case .unix(let path): self = .unix(path: AbsolutePath.of(path))
        case .any(let port), .address(.ipv4(0, let port)): self = .http(authority: "127.0.0.1:\(port)")
        case .address(.ipv6(0, 0, let port)): self = .http(authority: "[::1]:\(port)")
        case .address(let address): self = .http(authority: "\(address)")
        }
    }

    /// Reads what `description` gives; nil for anything else.
    init?(parsing text: String) {
        if text.hasPrefix("unix:/") {
            self = .unix(path: String(text.dropFirst(5)))
        } else if text.hasPrefix("http://"), text.utf8.count > 7 {
            self = .http(authority: String(text.dropFirst(7)))
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .http(let authority): "http://\(authority)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// What an HTTP client needs: the URL without a path, and the socket to connect to in place of its host.
    var endpoint: (base: String, unixSocketPath: String?) {
        switch self {
        case .http: (description, nil)
        case .unix(let path): ("http://localhost", path)
        }
    }

    private static func rank(_ address: ListenAddress) -> Int {
        switch address {
        case .unix: 0
        case .address(let address) where address.isLoopback: 1
        case .any: 2
        case .address(.ipv4(0, _)), .address(.ipv6(0, 0, _)): 2
        case .address: 3
        }
    }
}
