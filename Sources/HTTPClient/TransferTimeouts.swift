/// The patience of one transfer. All run on the monotonic clock with a resolution of about 10 ms.
package struct TransferTimeouts: Sendable, Hashable {
    /// For name look-up, connecting and the TLS handshake together.
    package var connect: Duration
    /// From handing the request in to the complete response head. `nil`: no limit.
    package var firstByte: Duration?
    /// Between two pieces of a body; a paused transfer is not silent. `nil`: no limit.
    package var idle: Duration?
    /// For everything, from handing in to the last byte. `nil`: no limit.
    package var total: Duration?

    package init(
        connect: Duration = .seconds(10), firstByte: Duration? = .seconds(120), idle: Duration? = .seconds(120),
        total: Duration? = nil
    ) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
        self.total = total
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, at least 1: a positive timeout never becomes "none".
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let millisecond: Int64 = 1_000_000_000_000_000
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? 1 : .max / 4 }
        return max(1, min(scaled + (attoseconds + millisecond - 1) / millisecond, .max / 4))
    }
}
