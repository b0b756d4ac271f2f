internal import Synchronization

/// The one source of request ids and random identifiers.
package final class Identifiers: Sendable {
    private let prefix: String
    private let counter = Atomic<UInt64>(0)

    package init() {
        // Unique across restarts by the random prefix, unique within one by the counter; no random call per request.
        prefix = "req-" + Self.hex(UInt64.random(in: .min ... .max)).suffix(12) + "-"
    }

    /// A request id, unique for this process's life and, but for chance, for ever.
    func requestID() -> String {
        prefix + String(counter.wrappingAdd(1, ordering: .relaxed).newValue, radix: 16)
    }

    /// A random UUID (version 4) in its usual text form.
    func uuid() -> String {
        let high = UInt64.random(in: .min ... .max) & ~0xF000 | 0x4000
        let low = UInt64.random(in: .min ... .max) & ~(0b11 << 62) | (0b10 << 62)
        let text = Self.hex(high) + Self.hex(low)
        var parts: [Substring] = []
        var rest = text[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    /// 256 random bits, for the token that lets this machine's CLI act as operator.
    static func token() -> String {
        (0..<4).map { _ in hex(UInt64.random(in: .min ... .max)) }.joined()
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
