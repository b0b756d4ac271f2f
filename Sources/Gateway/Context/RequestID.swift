internal import HTTPServer

/// The id that names one request in logs, history and the answer (`gateway.md §4`).
enum RequestID {
    /// The client's own `X-Request-Id` when it is 1–128 characters of `[A-Za-z0-9._-]`, else a new one.
    static func of(_ head: RequestHead, _ identifiers: Identifiers) -> String {
        if let given = head.headers["X-Request-Id"], isAcceptable(given) { return given }
        return identifiers.requestID()
    }

    private static func isAcceptable(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
