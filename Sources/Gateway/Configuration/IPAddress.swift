// IP addresses and CIDR ranges as plain numbers: comparing one with a list of trusted proxies costs two masks and
// no allocation. IPv4 inside IPv6 (`::ffff:a.b.c.d`) is the IPv4 address, or a proxy could be missed on a dual
// stack socket.

internal import Glibc

/// An IPv4 or IPv6 address.
package struct IPAddress: Sendable, Hashable {
    /// The 128 bits; an IPv4 address sits in its mapped form `::ffff:a.b.c.d`.
    let high: UInt64
    let low: UInt64

    private static let mappedPrefix: UInt64 = 0xFFFF_0000_0000

    package static let loopback = IPAddress(high: 0, low: mappedPrefix | 0x7F00_0001)

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From the bytes of a socket address in network order: 4 for IPv4, 16 for IPv6; anything else is `nil`.
    package init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self.init(high: 0, low: Self.mappedPrefix | bytes.reduce(0) { $0 << 8 | UInt64($1) })
        case 16:
            self.init(
                high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
        default:
            return nil
        }
    }

    /// Reads the usual text forms; no zone, no port, no octal.
    package init?(parsing text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: four) { Array($0) })
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(bytes: withUnsafeBytes(of: six) { Array($0) })
        } else {
            return nil
        }
    }

    package var isIPv4: Bool {
        high == 0 && low >> 32 == 0xFFFF
    }

    /// 127.0.0.0/8 and ::1.
    package var isLoopback: Bool {
        isIPv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        if isIPv4 {
            return (0..<4).map { "\(low >> (24 - 8 * $0) & 0xFF)" }.joined(separator: ".")
        }
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { raw in
            for index in 0..<16 {
                let word = index < 8 ? high : low
                raw[index] = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index % 8)))
            }
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "invalid" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A block of addresses in CIDR notation.
package struct AddressRange: Sendable, Hashable {
    package let base: IPAddress
    /// Bits that count, of 128 (an IPv4 `/8` is 104).
    let prefix: Int

    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address without a slash; the thrown reason says what is wrong.
    package init(parsing text: String) throws(InvalidSetting) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parsing: String(parts[0])) else {
            throw InvalidSetting("`\(text)` is no IP address or CIDR range such as 10.0.0.0/8 or fd00::/8")
        }
        let width = address.isIPv4 ? 32 : 128
        var bits = width
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                let number = Int(digits), number <= width
            else {
                throw InvalidSetting("prefix length `\(digits)` of `\(text)` must be a number from 0 to \(width)")
            }
            bits = number
        }
        let prefix = 128 - width + bits
        let network = Self.masked(address, prefix)
        if network != address {
            throw InvalidSetting("`\(text)` has bits set beyond its prefix; write \(network)/\(bits)")
        }
        base = address
        self.prefix = prefix
    }

    /// Whether the address lies inside.
    package func contains(_ address: IPAddress) -> Bool {
        // `0.0.0.0/0` is every IPv4 address; `::/0` is every address, the IPv4 ones in it.
        Self.masked(address, prefix) == base
    }

    private static func masked(_ address: IPAddress, _ prefix: Int) -> IPAddress {
        // `<<` of Swift's smart shifts gives 0 for 64 and more.
        let highMask: UInt64 = .max << UInt64(max(0, 64 - prefix))
        let lowMask: UInt64 = .max << UInt64(max(0, 128 - max(64, prefix)))
        return IPAddress(high: address.high & highMask, low: address.low & lowMask)
    }
}

extension AddressRange: CustomStringConvertible {
    package var description: String {
        "\(base)/\(base.isIPv4 ? prefix - 96 : prefix)"
    }
}
