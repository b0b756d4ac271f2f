// Addresses as the operator writes them. The HTTP server's types read them; here it is said why one cannot be read,
// which the server, knowing of no operator, does not do.

internal import HTTPServer

enum Addresses {
    /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (every interface) or `unix:PATH`.
    static func listen(_ text: String) throws(InvalidSetting) -> ListenAddress {
        if let address = ListenAddress(parsing: text) { return address }
        if text.hasPrefix("unix:") {
            throw InvalidSetting("`\(text)` needs a path of 1 to 107 bytes after `unix:`")
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw InvalidSetting("`\(text)` has no port; write e.g. 127.0.0.1:8080, [::1]:8080, :8080 or unix:PATH")
        }
        let port = text[text.index(after: colon)...]
        if UInt16(port) == nil || port.hasPrefix("+") {
            throw InvalidSetting("port `\(port)` of `\(text)` must be a number from 0 to 65535")
        }
        let host = text[..<colon]
        if host.contains(":"), !host.hasPrefix("[") {
            throw InvalidSetting("`\(text)`: an IPv6 address needs brackets, e.g. [::1]:8080")
        }
        // What a name means can change between two starts.
        throw InvalidSetting("`\(host)` is no IP address; host names other than localhost are not looked up")
    }

    /// `10.0.0.0/8`, `fd00::/8`, one address, or `unix` for the clients of Unix sockets.
    static func range(_ text: String) throws(InvalidSetting) -> AddressRange {
        if let range = AddressRange(parsing: text) { return range }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = SocketAddress(parsing: parts[0]) else {
            throw InvalidSetting("`\(text)` is no IP address or CIDR range such as 10.0.0.0/8 or fd00::/8")
        }
        let longest = if case .ipv4 = address { 32 } else { 128 }
        if parts.count == 2, !(Int(parts[1]).map { (0...longest).contains($0) } ?? false) {
            throw InvalidSetting("prefix length `\(parts[1])` of `\(text)` must be a number from 0 to \(longest)")
        }
        throw InvalidSetting("`\(text)` has bits set beyond its prefix; write the first address of the network")
    }
}
