import Glibc
import JSON

/// Points in time, as people read them: UTC, to the second.
enum Moment {
    /// `2026-02-23 22:00:00Z`; empty for no time.
    static func text(milliseconds: JSONValue?) -> String {
        guard let milliseconds = milliseconds?.numberValue?.int64 else { return "" }
        var seconds = time_t(milliseconds / 1000)
        var fields = tm()
        guard gmtime_r(&seconds, &fields) != nil else { return "" }
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%SZ", &fields)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
