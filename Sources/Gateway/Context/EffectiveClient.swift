internal import HTTPServer

/// Where a request really comes from, once trusted proxies have been believed and nobody else (`gateway.md §3`).
struct EffectiveClient: Sendable {
    /// The client's address; nil when a trusted proxy forwarded none.
    let address: SocketAddress?
    /// True when the peer of the connection is one of `trusted_proxies`.
    let isViaTrustedProxy: Bool
    /// True when the request reached the proxy (or us) over TLS, as far as a trusted proxy says.
    let isSecure: Bool

    /// "Loopback" always means the effective client; a trusted proxy that forwards no address is not loopback.
    var isLoopback: Bool { address.map { $0 == .unix || $0.isLoopback } ?? false }

    init(_ head: RequestHead, trustedProxies: [AddressRange]) {
        let peer = head.remoteAddress
        let trusted = trustedProxies.contains { $0.contains(peer) }
        isViaTrustedProxy = trusted
        guard trusted else {
            address = peer
            isSecure = false
            return
        }
        let forwarded = head.headers.values("Forwarded").flatMap(ForwardedElement.parse)
        if forwarded.isEmpty {
            let hops = head.headers.values("X-Forwarded-For").joined(separator: ",").split(separator: ",")
                .map(\.trimmingBlanks)
            address =
                Self.nearestUntrusted(hops, trustedProxies)
                ?? head.headers["X-Real-IP"].flatMap { SocketAddress(parsing: $0) }
            isSecure = head.headers["X-Forwarded-Proto"]?.lowercased() == "https"
        } else {
            address = Self.nearestUntrusted(forwarded.compactMap(\.client), trustedProxies)
            isSecure = forwarded.last?.isSecure ?? false
        }
    }

    /// The last hop that is not itself a trusted proxy: what is left of it was written by somebody we do not know.
    private static func nearestUntrusted(_ hops: [String], _ trusted: [AddressRange]) -> SocketAddress? {
        for hop in hops.reversed() {
            guard let address = SocketAddress(parsing: hop) else { return nil }
            if !trusted.contains(where: { $0.contains(address) }) { return address }
        }
        return nil
    }
}

/// One element of a `Forwarded` header (RFC 7239).
private struct ForwardedElement {
    var client: String?
    var isSecure = false

    static func parse(_ value: String) -> [ForwardedElement] {
        value.split(separator: ",").map { element in
            var parsed = ForwardedElement()
            for pair in element.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1).map(\.trimmingBlanks)
                guard parts.count == 2 else { continue }
                let value = parts[1].hasPrefix("\"") ? String(parts[1].dropFirst().dropLast()) : parts[1]
                switch parts[0].lowercased() {
                case "for": parsed.client = value
                case "proto": parsed.isSecure = value.lowercased() == "https"
                default: break
                }
            }
            return parsed
        }
    }
}
