package import Profiles

/// What was found when a tenant was looked at from all sides (docs/backup.md).
package struct VerificationReport: Sendable {
    package let tenant: TenantSlug
    package var checks: [HealthCheck]
    package var durationNs: UInt64

    package init(tenant: TenantSlug, checks: [HealthCheck], durationNs: UInt64) {
        self.tenant = tenant
        self.checks = checks
        self.durationNs = durationNs
    }

    /// Whether requests are answered.
    package var isServing: Bool { checks.first { $0.id == "state" }?.status == .ok }

    /// The worst of the checks.
    package var status: HealthCheck.Status { checks.status }
}
