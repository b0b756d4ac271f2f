package import Profiles
import SQLite

extension BackupService {
    /// Looks at a tenant from all sides: files, pages, documents, history, backups. Changes nothing.
    ///
    /// A tenant that serves is read through a connection of its own in one transaction, beside its writers. One that is
    /// quarantined or cannot be opened is looked at as far as its main file can be read. Throws `tenantNotFound`,
    /// `closed`, `cancelled`; everything else is part of the report.
    package func verify(_ slug: TenantSlug) async throws(RegistryError) -> VerificationReport {
        let started = ConditionLock.now()
        return try await inTurn(slug) { () async throws(RegistryError) in
            guard directory.exists(slug) else { throw .tenantNotFound(slug.rawValue) }
            var checks: [HealthCheck]
            do throws(RegistryError) {
                let tenant = try await directory.open(slug)
                if case .quarantined(let error) = tenant.state { throw error }
                checks = [HealthCheck("state", .ok, "serving")] + (try await readServing(tenant))
            } catch {
                if case .cancelled = error { throw error }
                if error == .closed { throw error }
                checks = try await lookAtUnopened(slug, because: error)
            }
            checks += try await onThread { [self] cancellation in
                let files = FileVerification(file: directory.registryFile(of: slug))
                return files.checks() + (try backupChecks(of: slug, cancellation))
            }
            return VerificationReport(tenant: slug, checks: checks, durationNs: ConditionLock.now() - started)
        }
    }

    /// A file in use by somebody is left alone; any other is read as it lies there.
    private func lookAtUnopened(
        _ slug: TenantSlug, because error: RegistryError
    ) async throws(RegistryError) -> [HealthCheck] {
        switch error {
        case .busy, .restoring, .inUseByProcess:
            return [HealthCheck("state", .failed, error.message, advice: "try again when nobody else holds the file")]
        default: break
        }
        let reason = HealthCheck(
            "state", .failed, error.message, advice: "restore a backup, or repair what is named here")
        let file = directory.registryFile(of: slug)
        return [reason]
            + (try await onThread { cancellation in
                try ContentVerification.ofUnopened(file, slug.rawValue, cancellation)
            })
    }

    private func readServing(_ tenant: Tenant) async throws(RegistryError) -> [HealthCheck] {
        try await besideWriters(of: tenant, "verifying") { cancellation, _ in
            let connection = try Connection(path: tenant.file.path, options: tenant.options.reading)
            defer { connection.close() }
            let mounted = tenant.sources?.mounted ?? .none
            let verification = ContentVerification(
                connection: connection, tenant: tenant.slug.rawValue, cancellation: cancellation, mounted: mounted)
            return try verification.checks() + mounted.checks
        }
    }

    /// How old the newest backup is, and whether it is what its manifest says.
    private func backupChecks(of slug: TenantSlug, _ cancellation: Cancellation) throws -> [HealthCheck] {
        let files: [BackupFile]
        do throws(RegistryError) {
            files = try listed(slug).filter { !Self.companions.contains($0.name.base) }
        } catch {
            return [HealthCheck("backups.age", .failed, error.message, advice: "make the directory readable to us")]
        }
        guard let newest = files.first else {
            return [
                HealthCheck(
                    "backups.age", .warning, "there is no backup",
                    advice: "run: profile-gateway backup --tenant \(slug)")
            ]
        }
        return [age(of: newest, among: files.count, slug), try validity(of: newest, cancellation)]
    }

    private func age(of newest: BackupFile, among count: Int, _ slug: TenantSlug) -> HealthCheck {
        let nowMs = environment.nowMs()
        let hours = max(0, nowMs - newest.createdAtMs) / 3_600_000
        let found =
            "\(count) backups; the newest, \(newest.fileName), is \(hours < 48 ? "\(hours) h" : "\(hours / 24) d") old"
        let limit = settings.overdueBefore(nowMs) ?? nowMs - 7 * 86_400_000
        guard newest.createdAtMs < limit else { return HealthCheck("backups.age", .ok, found) }
        return HealthCheck(
            "backups.age", .warning,
            found + (settings.overdueBefore(nowMs) == nil ? "" : "; a scheduled one is overdue"),
            advice: "run: profile-gateway backup --tenant \(slug); the log says why a scheduled one failed")
    }

    private func validity(of newest: BackupFile, _ cancellation: Cancellation) throws -> HealthCheck {
        let advice = "take another one now, and keep this one as evidence"
        do {
            if let manifest = newest.manifest {
                let digest = try FileSystem.digest(of: newest.path) { !cancellation.isCancelled }
                guard digest.sha256 == manifest.sha256 else {
                    return HealthCheck(
                        "backups.newest", .failed, "\(newest.fileName) is not what its manifest says", advice: advice)
                }
                return HealthCheck("backups.newest", .ok, "\(newest.fileName) is what its manifest says")
            }
            let connection = try Connection(path: newest.path, options: .immutableFile)
            defer { connection.close() }
            let problems = try cancellation.interrupting(connection, "verifying \(newest.path)") {
                try connection.integrityProblems(limit: 1)
            }
            guard let problem = problems.first else {
                return HealthCheck("backups.newest", .ok, "\(newest.fileName) is sound; it has no manifest")
            }
            return HealthCheck("backups.newest", .failed, "\(newest.fileName) is damaged: \(problem)", advice: advice)
        } catch {
            let error = RegistryError(error, path: newest.path)
            if case .cancelled = error { throw error }
            return HealthCheck("backups.newest", .failed, error.finding, advice: advice)
        }
    }
}
