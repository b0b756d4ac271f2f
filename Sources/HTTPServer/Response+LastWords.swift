internal import Glibc

extension Response {
    /// The whole answer as bytes, for when libmicrohttpd cannot send it: in the middle of a request's body.
    ///
    /// Fields that are not legal are left out; a stream has no bytes and is left out too.
    func serialised() -> [UInt8] {
        let content: [UInt8] =
            switch body {
            case .bytes(let bytes): bytes
            case .empty, .stream: []
            }
        var head = "HTTP/1.1 \(status) \(status.reasonPhrase)\r\n"
        if let date = Self.date() { head += "Date: \(date)\r\n" }
        for (name, value) in headers.pairs where Self.isLegal(name, value) { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(content.count)\r\nConnection: close\r\n\r\n"
        return Array(head.utf8) + content
    }

    private static func isLegal(_ name: String, _ value: String) -> Bool {
        let owned: Set = ["content-length", "connection", "transfer-encoding", "date"]
        return !owned.contains(name.lowercased()) && !name.isEmpty
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// The time as an IMF-fixdate (RFC 9110 §5.6.7).
    private static func date() -> String? {
        var now = time(nil)
        var parts = tm()
        guard gmtime_r(&now, &parts) != nil else { return nil }
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
