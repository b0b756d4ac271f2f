/// A checked file that waits for the tenant's worker to put it in force.
struct PendingRestore: Sendable {
    struct Outcome: Sendable {
        let checks: [HealthCheck]
        /// How long requests for the tenant were told to come back, in nanoseconds.
        let unavailableNs: UInt64
    }

    let journal: RestoreJournal
    /// What the staged file holds.
    let content: TenantContent
    let continuation: CheckedContinuation<Result<Outcome, RegistryError>, Never>
}
