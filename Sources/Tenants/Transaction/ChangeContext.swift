/// Who makes a change, from where, when, and until when it may wait.
package struct ChangeContext: Sendable {
    package var actor: String
    package var source: String
    package var requestID: String
    /// The client's address; nil for what no client asked for.
    package var client: String?
    /// Wall clock, milliseconds since the epoch.
    package var nowMs: Int64
    /// How long the change may wait for another process's lock; nil: the file's busy timeout from now.
    package var deadline: ContinuousClock.Instant?
    /// An admin asked to change read-only profiles too; audited.
    package var overridesReadOnly: Bool

    package init(
        actor: String, source: String, requestID: String, client: String? = nil, nowMs: Int64,
        deadline: ContinuousClock.Instant? = nil,
        overridesReadOnly: Bool = false
    ) {
        self.actor = actor
        self.source = source
        self.requestID = requestID
        self.client = client
        self.nowMs = nowMs
        self.deadline = deadline
        self.overridesReadOnly = overridesReadOnly
    }
}
