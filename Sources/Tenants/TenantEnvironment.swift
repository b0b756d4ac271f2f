/// What the storage needs from outside: time, randomness, a log. Injected, so that tests decide them.
package struct TenantEnvironment: Sendable {
    /// Wall clock, milliseconds since the epoch.
    package var nowMs: @Sendable () -> Int64
    package var random: @Sendable () -> UInt64
    package var log: @Sendable (TenantEvent) -> Void

    package init(
        nowMs: @escaping @Sendable () -> Int64, random: @escaping @Sendable () -> UInt64,
        log: @escaping @Sendable (TenantEvent) -> Void
    ) {
        self.nowMs = nowMs
        self.random = random
        self.log = log
    }
}

/// Something an operator should be able to find in the log; a constant message and what varies beside it.
package struct TenantEvent: Sendable {
    package enum Level: Sendable {
        case debug, info, warning, error
    }

    package let level: Level
    package let message: String
    package let tenant: String
    package let details: [(key: String, value: String)]

    package init(_ level: Level, _ message: String, tenant: String, _ details: [(key: String, value: String)] = []) {
        self.level = level
        self.message = message
        self.tenant = tenant
        self.details = details
    }
}
