/// How often and how patiently a failed call is made again, before anything of it has gone to the client
/// (`gateway.md §8`).
package struct RetryPolicy: Sendable, Equatable {
    /// Further calls to the same upstream after the first.
    package var maximumRetries: Int
    /// Before the first retry; doubled before each further one.
    package var firstDelay: Duration
    package var maximumDelay: Duration
    /// An upstream that asks for a longer pause is not waited for: the next one is tried, or its answer is passed on.
    package var maximumRetryAfter: Duration

    package static let none = RetryPolicy(maximumRetries: 0)

    package init(
        maximumRetries: Int = 2, firstDelay: Duration = .milliseconds(250), maximumDelay: Duration = .seconds(4),
        maximumRetryAfter: Duration = .seconds(10)
    ) {
        self.maximumRetries = maximumRetries
        self.firstDelay = firstDelay
        self.maximumDelay = maximumDelay
        self.maximumRetryAfter = maximumRetryAfter
    }

    /// How long to wait before asking the same upstream again, `nil` for not again.
    ///
    /// - Parameter retries: retries of this upstream made so far.
    package func delay(after error: UpstreamError, retries: Int) -> Duration? {
        guard error.mayBeRetried, retries < maximumRetries else { return nil }
        if let asked = error.retryAfter?.delay {
            return asked <= maximumRetryAfter ? asked : nil
        }
        var delay = firstDelay
        for _ in 0..<retries where delay < maximumDelay { delay *= 2 }
        return min(delay, maximumDelay)
    }
}
