import Glibc

/// `<file>.bak.<YYYYmmdd-HHMMSS>`, local time, as the runbook's `date` gives it; `-1`, `-2` … for more in one second.
///
/// The only pattern that is ever listed as a backup or pruned; anything else in the directory is not ours (gateway.md §10).
struct BackupName: Equatable {
    /// The name of the file it is a copy of, such as `profiles.db`.
    let base: String
    let stamp: String
    /// 0 for the first in its second.
    let number: Int

    /// More in one second than that many digits count are not ours.
    private static let numberDigits = 6

    init(of base: String, ms: Int64, number: Int = 0) {
        self.base = base
        stamp = Self.timestamp(ms: ms)
        self.number = number
    }

    /// Nil for a name of any other form.
    init?(_ name: String, of base: String) {
        let prefix = base + ".bak."
        guard name.hasPrefix(prefix) else { return nil }
        let parts = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, Self.isDigits(parts[0], 8), Self.isDigits(parts[1], 6) else {
            return nil
        }
        self.base = base
        stamp = "\(parts[0])-\(parts[1])"
        guard parts.count == 3 else {
            number = 0
            return
        }
        guard parts[2].utf8.count <= Self.numberDigits, let suffix = Int(parts[2]), suffix > 0,
            String(suffix) == parts[2]
        else { return nil }
        number = suffix
    }

    /// The name for the next one in the same second; nil when there is none left.
    var following: BackupName? { BackupName(Self.text(base, stamp, number + 1), of: base) }

    var text: String { Self.text(base, stamp, number) }

    private static func text(_ base: String, _ stamp: String, _ number: Int) -> String {
        "\(base).bak.\(stamp)" + (number > 0 ? "-\(number)" : "")
    }

    /// What the name says about when it was made, in milliseconds since 1970; nil for a time that is none.
    var timeMs: Int64? {
        let digits = stamp.filter { $0 != "-" }
        func field(_ from: Int, _ count: Int) -> Int32 { Int32(digits.dropFirst(from).prefix(count)) ?? -1 }
        var parts = tm()
        parts.tm_year = field(0, 4) - 1900
        parts.tm_mon = field(4, 2) - 1
        parts.tm_mday = field(6, 2)
        parts.tm_hour = field(8, 2)
        parts.tm_min = field(10, 2)
        parts.tm_sec = field(12, 2)
        parts.tm_isdst = -1
        guard (0...11).contains(parts.tm_mon), (1...31).contains(parts.tm_mday), parts.tm_hour < 24, parts.tm_min < 60
        else { return nil }
        let seconds = mktime(&parts)
        return seconds < 0 ? nil : Int64(seconds) * 1000
    }

    /// `YYYYmmdd-HHMMSS`, local time.
    static func timestamp(ms: Int64) -> String {
        var seconds = time_t(ms / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func padded(_ value: Int32, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return padded(parts.tm_year + 1900, 4) + padded(parts.tm_mon + 1, 2) + padded(parts.tm_mday, 2) + "-"
            + padded(parts.tm_hour, 2) + padded(parts.tm_min, 2) + padded(parts.tm_sec, 2)
    }

    private static func isDigits(_ text: Substring, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
