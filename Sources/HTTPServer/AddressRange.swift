/// A set of addresses in CIDR notation, or `unix` for the peers of Unix domain sockets.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: Hashable {
        case ipv4(UInt32, bits: Int)
        case ipv6(high: UInt64, low: UInt64, bits: Int)
        case unix
    }

    private let kind: Kind
    package let description: String

    /// Parses `10.0.0.0/8`, `2001:db8::/32`, a single address, or `unix`; nil if it is none, or has host bits set.
    package init?(parsing text: String) {
        description = text
        if text == "unix" {
            kind = .unix
            return
        }
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = SocketAddress(parsing: halves[0]) else { return nil }
        let longest =
            switch address {
            case .ipv4: 32
            default: 128
            }
        var bits = longest
        if halves.count == 2 {
            guard let given = Int(halves[1]), (0...longest).contains(given), !halves[1].hasPrefix("+") else {
                return nil
            }
            bits = given
        }
        switch address {
        case .ipv4(let number, _):
            guard number & Self.mask32(bits) == number else { return nil }
            kind = .ipv4(number, bits: bits)
        case .ipv6(let high, let low, _):
            guard high & Self.mask64(bits) == high, low & Self.mask64(bits - 64) == low else { return nil }
            kind = .ipv6(high: high, low: low, bits: bits)
        case .unix: return nil
        }
    }

    /// Whether the address lies in this range.
    package func contains(_ address: SocketAddress) -> Bool {
        switch (kind, address) {
        case (.ipv4(let network, let bits), .ipv4(let number, _)): number & Self.mask32(bits) == network
        case (.ipv6(let netHigh, let netLow, let bits), .ipv6(let high, let low, _)):
            high & Self.mask64(bits) == netHigh && low & Self.mask64(bits - 64) == netLow
        case (.unix, .unix): true
        default: false
        }
    }

    private static func mask32(_ bits: Int) -> UInt32 { bits <= 0 ? 0 : ~0 << (32 - min(bits, 32)) }
    private static func mask64(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : ~0 << (64 - min(bits, 64)) }
}
