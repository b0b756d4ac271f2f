/// How much of a tenant's past is kept: versions of profiles and registries, and lines of the audit.
///
/// Whatever the bounds say, the newest version of each profile and registry is kept, and the newest deletion of each:
/// numbers go on from there when a slug is made again.
package struct HistoryRetention: Sendable, Equatable {
    /// Versions of all profiles and registries of the tenant together; the oldest go first.
    package var maximumVersions = 1_000_000
    package var maximumVersionAge = Duration.seconds(3650 * 86_400)
    package var maximumAuditEntries = 1_000_000
    package var maximumAuditAge = Duration.seconds(3650 * 86_400)
    /// The shortest time between two looks for what is too old or too much; the first comes when a tenant first rests.
    package var interval = Duration.seconds(60)

    package init() {}
}
