// Lengths of time and numbers of bytes as people write them. A length of time must say its unit: `busy_timeout: 5000`
// has been read as seconds by somebody, somewhere.

package enum Units {
    private static let durationUnits: [(suffix: String, unit: Duration)] = [
        ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
        ("d", .seconds(86_400)),
    ]

    private static let byteUnits: [(suffix: String, unit: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    /// `500ms`, `30s`, `2m`, `1h`, `30d`; `0` needs no unit.
    package static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        for (suffix, unit) in durationUnits {
            if text.hasSuffix(suffix), let count = whole(text.dropLast(suffix.count)), count <= 1_000_000_000 {
                return unit * count
            }
        }
        return nil
    }

    /// `1048576`, `64KiB`, `1 MiB`, `1GiB`.
    static func bytes(_ text: String) -> Int? {
        if let count = whole(text[...]) { return count }
        for (suffix, unit) in byteUnits {
            if text.hasSuffix(suffix), let count = whole(text.dropLast(suffix.count)) {
                let (product, overflow) = count.multipliedReportingOverflow(by: unit)
                return overflow ? nil : product
            }
        }
        return nil
    }

    /// The shortest exact form, e.g. `30s`.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        if milliseconds == 0 { return "0s" }
        if milliseconds > 86_400_000 && milliseconds % 86_400_000 == 0 { return "\(milliseconds / 86_400_000)d" }
        if milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000)h" }
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
        return "\(milliseconds)ms"
    }

    /// The shortest exact form, e.g. `32MiB`.
    static func text(_ bytes: Int) -> String {
        for (suffix, unit) in byteUnits.reversed() where bytes != 0 && bytes % unit == 0 {
            return "\(bytes / unit)\(suffix)"
        }
        return "\(bytes)"
    }

    private static func whole(_ text: Substring) -> Int? {
        var digits = text
        while digits.last == " " { digits = digits.dropLast() }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(digits)
    }
}
