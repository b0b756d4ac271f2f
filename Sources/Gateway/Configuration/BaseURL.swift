// The URL of an upstream: absolute, http or https, nothing in it that could carry a credential or swallow the path
// we append (`/chat/completions`).

internal import HTTPServer

/// Checks of `base_url`.
enum BaseURL {
    /// Returns the URL without trailing slashes; the thrown reason says what is wrong.
    static func parse(_ text: String) throws(InvalidSetting) -> String {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw InvalidSetting("must not contain blanks, control characters or characters outside ASCII")
        }
        let lower = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lower.hasPrefix) else {
            throw InvalidSetting("must begin with http:// or https://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if authority.contains("@") {
            throw InvalidSetting("must not contain a user or password; use api_key")
        }
        if rest.contains("?") || rest.contains("#") || rest.contains("\\") {
            throw InvalidSetting("must not contain ?, # or \\; paths are appended to it")
        }
        try check(authority: authority)
        var url = Substring(scheme + rest)
        while url.hasSuffix("/") { url = url.dropLast() }
        return String(url)
    }

    /// Whether the URL's host is this machine by its name or address.
    static func isLoopback(_ url: String) -> Bool {
        let host = hostAndPort(of: authority(of: url)).host
        return host.lowercased() == "localhost" || (SocketAddress(parsing: host)?.isLoopback ?? false)
    }

    private static func authority(of url: String) -> Substring {
        let rest = url.hasPrefix("https://") ? url.dropFirst(8) : url.dropFirst(7)
        return rest.prefix { $0 != "/" }
    }

    private static func hostAndPort(of authority: Substring) -> (host: Substring, port: Substring?) {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            let after = authority[authority.index(after: end)...]
            let host = authority[authority.index(after: authority.startIndex)..<end]
            return (host, after.isEmpty ? nil : after.dropFirst())
        }
        guard let colon = authority.firstIndex(of: ":") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func check(authority: Substring) throws(InvalidSetting) {
        let (host, port) = hostAndPort(of: authority)
        if host.isEmpty { throw InvalidSetting("names no host") }
        let isBracketed = authority.hasPrefix("[")
        let isHost =
            isBracketed
            ? host.contains(":") && SocketAddress(parsing: host) != nil
            : host.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            }
        guard isHost else { throw InvalidSetting("`\(host)` is no host name or address") }
        if let port {
            guard !port.isEmpty, port.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(port),
                number > 0
            else { throw InvalidSetting("port `\(port)` must be a number from 1 to 65535") }
        }
    }
}
