internal import Glibc

/// The one clock of the process.
package struct GatewayClock: Sendable {
    package init() {}

    /// Wall time in milliseconds since 1970.
    func nowMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Time for measuring durations.
    func monotonic() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    func microseconds(since start: MonotonicTime) -> UInt64 { (monotonic().nanoseconds &- start.nanoseconds) / 1000 }
}

/// A point on the monotonic clock.
struct MonotonicTime: Sendable {
    let nanoseconds: UInt64
}
