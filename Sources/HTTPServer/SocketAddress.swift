internal import Glibc

/// The address of a peer; an IPv4 address mapped into IPv6 is the IPv4 address.
package enum SocketAddress: Sendable, Hashable {
    /// The address as a number, most significant byte first as written.
    case ipv4(UInt32, port: UInt16)
    case ipv6(high: UInt64, low: UInt64, port: UInt16)
    /// The other end of a Unix domain socket; it has no name.
    case unix

    /// Reads what the kernel gave; an address of another family is nil.
    init?(_ raw: UnsafeRawPointer) {
        switch Int32(raw.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let inet = raw.loadUnaligned(as: sockaddr_in.self)
            self = .ipv4(UInt32(bigEndian: inet.sin_addr.s_addr), port: UInt16(bigEndian: inet.sin_port))
        case AF_INET6:
            let inet = raw.loadUnaligned(as: sockaddr_in6.self)
            self = withUnsafeBytes(of: inet.sin6_addr) { bytes in
                .normalised(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    port: UInt16(bigEndian: inet.sin6_port))
            }
        case AF_UNIX: self = .unix
        default: return nil
        }
    }

    /// Parses an address without a port, as in `X-Forwarded-For`: `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`.
    package init?(parsing text: some StringProtocol) {
        var text = String(text)
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self = .ipv4(UInt32(bigEndian: four.s_addr), port: 0)
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self = withUnsafeBytes(of: six) { bytes in
                .normalised(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)), port: 0)
            }
        } else {
            return nil
        }
    }

    private static func normalised(high: UInt64, low: UInt64, port: UInt16) -> SocketAddress {
        high == 0 && low >> 32 == 0xFFFF
            ? .ipv4(UInt32(truncatingIfNeeded: low), port: port) : .ipv6(high: high, low: low, port: port)
    }

    /// Whether this is 127.0.0.0/8 or ::1. A Unix socket is not: who is behind it is for the operator to say.
    package var isLoopback: Bool {
        switch self {
        case .ipv4(let address, _): address >> 24 == 127
        case .ipv6(let high, let low, _): high == 0 && low == 1
        case .unix: false
        }
    }

    /// What connections are counted by: the IPv4 address, the IPv6 /64 network; nil for Unix sockets.
    var countingKey: SocketAddress? {
        switch self {
        case .ipv4(let address, _): .ipv4(address, port: 0)
        case .ipv6(let high, _, _): .ipv6(high: high, low: 0, port: 0)
        case .unix: nil
        }
    }

    /// The address alone, as text.
    package var host: String {
        switch self {
        case .ipv4(let address, _):
            return [24, 16, 8, 0].map { String(address >> $0 & 0xFF) }.joined(separator: ".")
        case .ipv6(let high, let low, _):
            var address = in6_addr()
            withUnsafeMutableBytes(of: &address) { bytes in
                bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                guard let base = text.baseAddress,
                    inet_ntop(AF_INET6, &address, base, socklen_t(INET6_ADDRSTRLEN)) != nil
                else { return "" }
                return String(cString: base)
            }
        case .unix: return "unix"
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipv4(_, let port): "\(host):\(port)"
        case .ipv6(_, _, let port): "[\(host)]:\(port)"
        case .unix: "unix"
        }
    }
}
