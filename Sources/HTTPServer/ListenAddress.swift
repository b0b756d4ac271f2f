/// A place to listen at, as the configuration writes it.
package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// All addresses of the machine, IPv6 and IPv4: `:8080`.
    case any(port: UInt16)
    /// One address, whose port here is the port to listen at; 0 lets the kernel choose.
    case address(SocketAddress)
    /// A Unix domain socket: `unix:PATH`.
    case unix(path: String)

    /// Parses `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` or `unix:PATH`; nil if it is none of them.
    package init?(parsing text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // sun_path has 108 bytes, the last of them NUL.
            guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else {
            return nil
        }
        let host = text[..<colon]
        switch host {
        case "", "*": self = .any(port: port)
        case "localhost": self = .address(.ipv4(0x7F00_0001, port: port))
        default:
            // An IPv6 address must be in brackets, or its last group would read as the port.
            guard host.contains(":") == host.hasPrefix("["), host.hasPrefix("[") == host.hasSuffix("]") else {
                return nil
            }
            switch SocketAddress(parsing: host) {
            case .ipv4(let number, _): self = .address(.ipv4(number, port: port))
            case .ipv6(let high, let low, _): self = .address(.ipv6(high: high, low: low, port: port))
            case .unix, nil: return nil
            }
        }
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        switch self {
        case .any: false
        case .address(let address): address.isLoopback
        case .unix: true
        }
    }

    package var description: String {
        switch self {
        case .any(let port): ":\(port)"
        case .address(let address): address.description
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// An address the server really listens at, with the port the kernel chose.
package struct BoundAddress: Sendable, Hashable, CustomStringConvertible {
    package let address: ListenAddress

    /// The TCP port; nil for a Unix socket.
    package var port: UInt16? {
        switch address {
        case .any(let port), .address(.ipv4(_, let port)), .address(.ipv6(_, _, let port)): port
        case .address(.unix), .unix: nil
        }
    }

    package var description: String { address.description }
}
