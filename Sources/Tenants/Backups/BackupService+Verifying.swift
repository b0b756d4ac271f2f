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
        guard let first = files.first else {
            return [
                HealthCheck(
                    "backups.age", .warning, "there is no backup",
                    advice: "run: profile-gateway backup --tenant \(slug)")
            ]
        }
        return [age(of: files, slug), try validity(of: files.first(where: isCredible) ?? first, cancellation)]
    }

    private func age(of files: [BackupFile], _ slug: TenantSlug) -> HealthCheck {
        let nowMs = environment.nowMs()
        let scheduled = settings.overdueBefore(nowMs)
        var found = "\(files.count) backups, none of them with a time that can be true"
        var isLate = true
        if let newest = files.first(where: isCredible) {
            let hours = max(0, nowMs - newest.createdAtMs) / 3_600_000
            found =
                "\(files.count) backups; the newest, \(newest.fileName), is \(hours < 48 ? "\(hours) h" : "\(hours / 24) d") old"
            isLate = newest.createdAtMs < scheduled ?? nowMs - 7 * 86_400_000
        }
        var advice: [String] = []
        if isLate {
            if scheduled != nil { found += "; a scheduled one is overdue" }
            advice.append("run: profile-gateway backup --tenant \(slug); the log says why a scheduled one failed")
        }
        let ahead = files.filter { !isCredible($0) }
        if let first = ahead.first {
            let others = ahead.count > 1 ? " and \(ahead.count - 1) more are" : " is"
            found += "; \(first.fileName)\(others) dated ahead of the clock and no proof of a recent backup"
            advice.append("look at the clock with: date; what a wrong one has dated, rename or move away")
        }
        return HealthCheck(
            "backups.age", advice.isEmpty ? .ok : .warning, found,
            advice: advice.isEmpty ? nil : advice.joined(separator: "; "))
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
