internal import HTTPServer
internal import Profiles
internal import Tenants

/// `/metrics`: what an alarm is raised on (`gateway.md §10`, docs/backup.md).
struct MetricsHandlers: Sendable {
    /// A tenant is a label of its own only where it needs attention, and so many of them at most.
    private static let labelledTenants = 100

    @Sendable func metrics(_ context: RequestContext) async throws -> Response {
        let services = context.services
        // Off the connection's thread: it goes through all tenants.
        let text = await Task.detached { Self.text(services) }.value
        var response = Response(status: .ok, body: .bytes(Array(text.utf8)))
        response.headers.append("Content-Type", MetricsText.contentType)
        response.headers.append("Cache-Control", "no-store")
        return response
    }

    private static func text(_ services: Services) -> String {
        var metrics = MetricsText()
        let libraries = GatewayVersion.libraries.map { (name: $0.name, value: $0.version) }
        metrics.add(
            "profile_gateway_info", .gauge, "The program's version and those of its libraries.",
            [MetricsText.Sample(1, labels: [(name: "version", value: GatewayVersion.text)] + libraries)])
        addTenants(services.tenants, to: &metrics)
        addBackups(services, to: &metrics)
        return metrics.text
    }

    private static func addTenants(_ tenants: TenantDirectory, to metrics: inout MetricsText) {
        var counts = ["closed": 0, "quarantined": 0, "restoring": 0, "serving": 0]
        var quarantined: [TenantSlug] = []
        for slug in tenants.slugs {
            switch tenants.state(of: slug) {
            case .serving: counts["serving", default: 0] += 1
            case .restoring: counts["restoring", default: 0] += 1
            case .quarantined:
                counts["quarantined", default: 0] += 1
                quarantined.append(slug)
            case .closed, nil: counts["closed", default: 0] += 1
            }
        }
        metrics.add(
            "profile_gateway_tenants", .gauge, "Tenants by state; closed ones are not in memory.",
            counts.sorted { $0.key < $1.key }.map { MetricsText.Sample(Int64($0.value), ("state", $0.key)) })
        metrics.add(
            "profile_gateway_tenant_quarantined", .gauge,
            "Tenants whose file cannot be used; the first \(labelledTenants).", labelled(quarantined))
    }

    private static func addBackups(_ services: Services, to metrics: inout MetricsText) {
        let schedule = services.scheduler.figures
        metrics.add(
            "profile_gateway_scheduled_backups_total", .counter,
            "Scheduled backups since the start, by how they ended.",
            [
                MetricsText.Sample(schedule.failed, ("outcome", "failure")),
                MetricsText.Sample(schedule.succeeded, ("outcome", "success")),
            ])
        metrics.add(
            "profile_gateway_scheduled_backups_last_run_timestamp_seconds", .gauge,
            "When the last run of the schedule was over.",
            schedule.lastFinishedAtMs.map { [MetricsText.Sample($0 / 1000)] } ?? [])
        let overdue = services.overdue.tenants
        metrics.add(
            "profile_gateway_backup_failing_tenants", .gauge,
            "Tenants whose last scheduled backup failed.", [MetricsText.Sample(Int64(schedule.failing.count))])
        metrics.add(
            "profile_gateway_backup_failing", .gauge,
            "Whose last scheduled backup failed; the first \(labelledTenants).", labelled(schedule.failing))
        metrics.add(
            "profile_gateway_backup_overdue_tenants", .gauge,
            "Tenants without the backup that the schedule should have made.",
            [MetricsText.Sample(Int64(overdue.count))])
        metrics.add(
            "profile_gateway_backup_overdue", .gauge,
            "Who has no backup that the schedule should have made; the first \(labelledTenants).", labelled(overdue))
    }

    private static func labelled(_ tenants: [TenantSlug]) -> [MetricsText.Sample] {
        tenants.prefix(labelledTenants).map { MetricsText.Sample(1, ("tenant", $0.rawValue)) }
    }
}
