import JSON

/// Sizes and times, as people read them.
enum Amount {
    /// `40.0 KiB`.
    static func bytes(_ value: JSONValue?) -> String {
        guard let bytes = value?.numberValue?.double else { return "" }
        var (amount, unit) = (bytes, "B")
        for next in ["KiB", "MiB", "GiB", "TiB"] where amount >= 1024 { (amount, unit) = (amount / 1024, next) }
        return unit == "B" ? "\(Int(amount)) B" : "\(tenths(amount)) \(unit)"
    }

    /// `12.3 ms`, `4.1 s`.
    static func milliseconds(_ value: JSONValue?) -> String {
        guard let time = value?.numberValue?.double else { return "" }
        return time < 1000 ? "\(tenths(time)) ms" : "\(tenths(time / 1000)) s"
    }

    private static func tenths(_ value: Double) -> String {
        let rounded = Int((value * 10).rounded())
        return "\(rounded / 10).\(rounded % 10)"
    }
}
