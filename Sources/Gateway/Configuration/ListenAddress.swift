// One address to listen on, parsed: `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every interface), `localhost:8080`,
// `unix:PATH`. Host names other than `localhost` are refused: what they mean can change between two starts.

/// An address the HTTP server binds.
package struct ListenAddress: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// `nil` = every interface, IPv4 and IPv6.
        case tcp(IPAddress?, port: UInt16)
        case unix(path: String)
    }

    package let kind: Kind

    package init(_ kind: Kind) {
        self.kind = kind
    }

    /// The embedded default, `127.0.0.1:8080`.
    package static let defaultAddress = ListenAddress(.tcp(.loopback, port: 8080))

    /// Whether only this machine can connect: loopback addresses, and sockets of the file system.
    package var isLocal: Bool {
        switch kind {
        case .tcp(let address, _): address?.isLoopback ?? false
        case .unix: true
        }
    }

    /// TCP port; 0 = the system chooses one, `nil` for a unix socket.
    package var port: UInt16? {
        if case .tcp(_, let port) = kind { port } else { nil }
    }

    /// Reads one address; the thrown reason says what is allowed.
    package init(parsing text: String) throws(InvalidSetting) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            if path.isEmpty || path.utf8.contains(0) { throw InvalidSetting("has no path after `unix:`") }
            // sockaddr_un.sun_path holds 108 bytes with its terminator.
            if path.utf8.count > 107 { throw InvalidSetting("path of a unix socket is longer than 107 bytes") }
            self.init(.unix(path: path))
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw InvalidSetting("`\(text)` has no port; write e.g. 127.0.0.1:8080, [::1]:8080, :8080 or unix:PATH")
        }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(digits)
        else {
            throw InvalidSetting("port `\(digits)` of `\(text)` must be a number from 0 to 65535")
        }
        let host = text[..<colon]
        switch host {
        case "", "*": self.init(.tcp(nil, port: port))
        case "localhost": self.init(.tcp(.loopback, port: port))
        default: self.init(.tcp(try Self.address(of: host, in: text), port: port))
        }
    }

    private static func address(of host: Substring, in text: String) throws(InvalidSetting) -> IPAddress {
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inside = String(host.dropFirst().dropLast())
            // An IPv4 address mapped into IPv6 is taken as the IPv4 address it is.
            guard inside.contains(":"), let address = IPAddress(parsing: inside) else {
                throw InvalidSetting("`\(host)` is no IPv6 address")
            }
            return address
        }
        if host.contains(":") {
            throw InvalidSetting("`\(text)`: an IPv6 address needs brackets, e.g. [::1]:8080")
        }
        guard let address = IPAddress(parsing: String(host)), address.isIPv4 else {
            throw InvalidSetting("`\(host)` is no IP address; host names other than localhost are not looked up")
        }
        return address
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The form the HTTP server takes.
    package var description: String {
        switch kind {
        case .tcp(nil, let port): ":\(port)"
        case .tcp(let address?, let port): address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
