import Glibc
internal import HTTPClient

/// When an upstream wants to be asked again.
package struct RetryAfter: Sendable, Hashable {
    /// From the moment the answer was read.
    package let delay: Duration

    package init(delay: Duration) {
        self.delay = delay
    }

    /// Whole seconds, rounded up, for our own `Retry-After`.
    package var seconds: Int64 {
        delay.components.seconds + (delay.components.attoseconds > 0 ? 1 : 0)
    }

    /// Reads `retry-after-ms`, then `Retry-After` (seconds or an HTTP date); `nil` if neither says anything sensible.
    init?(_ fields: ResponseFields) {
        if let milliseconds = fields["retry-after-ms"].flatMap({ Double($0) }), milliseconds >= 0, milliseconds < 1e9 {
            delay = .milliseconds(Int64(milliseconds))
            return
        }
        guard let text = fields["retry-after"] else { return nil }
        if let seconds = Double(text) {
            guard seconds >= 0, seconds < 1e6 else { return nil }
            delay = .milliseconds(Int64(seconds * 1000))
            return
        }
        guard let date = Self.secondsSinceEpoch(text) else { return nil }
        delay = .seconds(max(0, date - time(nil)))
    }

    /// Reads the one form of date that servers still send: `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func secondsSinceEpoch(_ text: String) -> Int? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard let day = Int32(words[1]), let year = Int32(words[3]), clock.count == 3,
            (1...31).contains(day), (1970...9999).contains(year)
        else { return nil }
        var parts = tm()
        parts.tm_year = year - 1900
        parts.tm_mon = Int32(month)
        parts.tm_mday = day
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return timegm(&parts)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
