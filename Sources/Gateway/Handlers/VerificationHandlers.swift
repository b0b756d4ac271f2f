internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// `/admin/tenants/{t}/verify` and `/drill` (`gateway.md §9`, `§10`).
struct VerificationHandlers: Sendable {
    /// Looks at the tenant from all sides; `?deep=true` also asks the real endpoints over a copy.
    @Sendable func verify(_ context: RequestContext) async throws -> Response {
        let tenant = try context.addressedTenant()
        let isDeep = try context.queriedFlag("deep")
        let services = context.services
        let started = services.clock.monotonic()
        let report = try await context.tellingOperator { () async throws(RegistryError) in
            try await services.backups.verify(tenant)
        }
        var checks = report.checks
        if isDeep { checks += try await Self.deepChecks(of: tenant, services, isServing: report.isServing) }
        return .json([
            "tenant": .string(tenant.rawValue), "status": .string(checks.status.rawValue), "deep": .bool(isDeep),
            "duration_ms": .milliseconds(services.clock.microseconds(since: started) * 1000),
            "checks": .array(checks.map { $0.document() }),
        ])
    }

    /// Restores the newest backup into a gateway of its own, and says how long that took and whether it is well.
    @Sendable func drill(_ context: RequestContext) async throws -> Response {
        let tenant = try context.addressedTenant()
        if !context.body.isEmpty { try context.bodyReader().finish() }
        let services = context.services
        let started = services.clock.monotonic()
        let found = try await context.tellingOperator { () async throws(RegistryError) in
            try await services.backups.newest(of: tenant)
        }
        guard let newest = found else {
            throw Problem.notFound("tenant \(tenant) has no backup; take one first", code: "backup_not_found")
        }
        let drill = try await ScratchGateway.with(tenant, services) { gateway in
            await RestoreDrill(gateway: gateway, clock: services.clock).run(newest.path)
        }
        return .json([
            "tenant": .string(tenant.rawValue), "status": .string(drill.checks.status.rawValue),
            "backup": .string(newest.fileName), "backup_created_at_ms": .number(JSONNumber(newest.createdAtMs)),
            "recovered_in_ms": drill.recoveredInMicroseconds.map { .milliseconds($0 * 1000) } ?? .null,
            "duration_ms": .milliseconds(services.clock.microseconds(since: started) * 1000),
            "checks": .array(drill.checks.map { $0.document() }),
        ])
    }

    private static func deepChecks(
        of tenant: TenantSlug, _ services: Services, isServing: Bool
    ) async throws -> [HealthCheck] {
        guard isServing else {
            return [
                HealthCheck("deep", .failed, "not tried: the tenant does not serve", advice: "see the check \"state\"")
            ]
        }
        do {
            return try await ScratchGateway.with(tenant, services) { path in
                try await services.backups.copy(tenant, to: path)
            } _: { gateway in
                await DeepVerification(gateway: gateway).checks()
            }
        } catch let error as RegistryError {
            switch error {
            case .cancelled, .closed: throw error
            default: return [HealthCheck("deep", .failed, "no copy could be made: \(error.message)")]
            }
        }
    }
}

/// A restore as it would be in earnest, in a place where nobody is served.
struct RestoreDrill: Sendable {
    let gateway: ScratchGateway
    let clock: GatewayClock

    struct Outcome: Sendable {
        /// From the order to the first answered list; nil when it did not come to that.
        let recoveredInMicroseconds: UInt64?
        let checks: [HealthCheck]
    }

    func run(_ path: String) async -> Outcome {
        let started = clock.monotonic()
        let restored: HealthCheck
        do throws(ClientFailure) {
            let body: JSONValue = ["from": .string(path)]
            let answer = try await gateway.client.send(
                .admin(.post, ["tenants", gateway.tenant.rawValue, "restore"], body: body.encoded())
            ).value()
            let list = ClientRequest(.get, ["api", "chat", "profiles"], query: [("limit", "1")])
            _ = try await gateway.client.send(list)
            let profiles = answer["profiles"]?.numberValue?.text ?? "?"
            restored = HealthCheck("drill.restore", .ok, "\(profiles) profiles are in force")
        } catch {
            return Outcome(
                recoveredInMicroseconds: nil,
                checks: [
                    HealthCheck(
                        "drill.restore", .failed, error.message,
                        advice: "take a new backup now: this one cannot be restored")
                ])
        }
        let recovered = clock.microseconds(since: started)
        return Outcome(
            recoveredInMicroseconds: recovered,
            checks: [restored] + (await DeepVerification(gateway: gateway).checks()))
    }
}
