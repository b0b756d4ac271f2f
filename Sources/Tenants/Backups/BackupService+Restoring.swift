import Glibc
package import Profiles
import SQLite

/// Which file is restored.
package enum RestoreSource: Sendable {
    /// One of the tenant's own backups, by its base name.
    case name(String)
    /// A file anywhere, by its absolute path; whether that is allowed, the caller has decided.
    case path(String)
}

/// What a restore, or a dry run of one, has found and done.
package struct RestoreReport: Sendable {
    /// The name or path of the file.
    package let from: String
    package let bytes: Int64
    package let sha256: String
    /// False for a dry run: nothing was changed.
    package let isRestored: Bool
    package let checks: [HealthCheck]
    package let registries: Int
    package let profiles: Int
    /// The restored file's last change; its epoch is new.
    package let revision: UInt64
    package let epoch: UInt64
    /// Where the old file's pieces are; empty when there were none.
    package let kept: [String]
    /// How long requests for the tenant were told to come back.
    package let unavailableNs: UInt64
    package let durationNs: UInt64
}

extension BackupService {
    /// Puts a backup in force: checked on a copy first, then swapped by the tenant's worker, then checked again.
    ///
    /// The backup itself and the old file are kept; of those that a tenant's own restores replace, the newest few
    /// (`keptOfTenants`). Throws `backupNotFound`, `backupInvalid` (nothing was changed, or
    /// the old file is in force again), and what the files throw.
    package func restore(
        _ slug: TenantSlug, from source: RestoreSource, dryRun: Bool = false, isOperators: Bool = true,
        context: ChangeContext
    ) async throws(RegistryError) -> RestoreReport {
        let started = ConditionLock.now()
        return try await inTurn(slug) { () async throws(RegistryError) in
            let tenant = try directory.forRestoring(slug)
            defer { directory.endRestoring(tenant) }
            let staged = try await onThread { [self] cancellation in
                let suffix = Self.replacedSuffix(ms: environment.nowMs(), isOperators: isOperators)
                return try stage(source, for: tenant, isForReal: !dryRun, suffix: suffix, context, cancellation)
            }
            guard !dryRun else {
                return staged.report(restored: nil, kept: [], durationNs: ConditionLock.now() - started)
            }
            let outcome: PendingRestore.Outcome
            do throws(RegistryError) {
                outcome = try await tenant.putInForce(staged.journal, content: staged.content)
            } catch {
                let staging = staged.journal.stagedFile(of: tenant.file).directory
                try await onThread { _ in
                    // Kept while a journal speaks of it: the next opening completes or undoes what is half done.
                    guard FileStatus(tenant.file.restoreJournalPath) == nil else { return }
                    try FileSystem.removeStaging(staging)
                }
                throw error
            }
            if !isOperators { await boundReplaced(by: tenant) }
            let kept = staged.journal.moves(of: tenant.file).map(\.to).filter { FileStatus($0) != nil }
            environment.log(
                TenantEvent(
                    .info, "backup restored", tenant: slug.rawValue,
                    [
                        ("from", staged.from), ("actor", context.actor),
                        ("unavailable_ms", "\(outcome.unavailableNs / 1_000_000)"),
                    ]))
            return staged.report(restored: outcome, kept: kept, durationNs: ConditionLock.now() - started)
        }
    }
}

extension BackupService {
    private func boundReplaced(by tenant: Tenant) async {
        do throws(RegistryError) {
            try await onThread { [self] _ in try boundReplaced(of: tenant.file) }
        } catch {
            environment.log(
                TenantEvent(
                    .warning, "replaced files could not be removed", tenant: tenant.slug.rawValue,
                    [("reason", error.message)]))
        }
    }
}

/// A checked copy of a backup beside the file it will replace.
private struct StagedRestore: Sendable {
    let journal: RestoreJournal
    let from: String
    let sha256: String
    let bytes: Int64
    let content: TenantContent
    let checks: [HealthCheck]
    /// What its manifest says against restoring it here; not a reason to refuse.
    let doubts: [HealthCheck]

    func report(restored outcome: PendingRestore.Outcome?, kept: [String], durationNs: UInt64) -> RestoreReport {
        RestoreReport(
            from: from, bytes: bytes, sha256: sha256, isRestored: outcome != nil,
            checks: doubts + (outcome?.checks ?? checks),
            registries: content.registries.count, profiles: content.registries.reduce(0) { $0 + $1.count },
            revision: content.revision, epoch: content.epoch, kept: kept, unavailableNs: outcome?.unavailableNs ?? 0,
            durationNs: durationNs)
    }
}

extension BackupService {
    /// Copies a backup beside the tenant's file and opens the copy as the tenant would: whatever is wrong with it shows
    /// here, while the tenant serves. On a thread that may block.
    private func stage(
        _ source: RestoreSource, for tenant: Tenant, isForReal: Bool, suffix: String, _ context: ChangeContext,
        _ cancellation: Cancellation
    ) throws -> StagedRestore {
        guard tenant.options.access != .readOnly, !tenant.options.queryOnly, !tenant.options.immutable else {
            throw RegistryError.readOnly(tenant.file.path, "it was opened read-only")
        }
        let (path, from) = try locate(source, for: tenant.slug)
        try requireRestorable(path, for: tenant)
        try clearStagings(of: tenant.file)
        let journal = RestoreJournal(
            staging: "\(tenant.file.name).restoring-\(environment.nowMs())", suffix: suffix)
        let file = journal.stagedFile(of: tenant.file)
        try FileSystem.makeDirectory(tenant.file.directory, allowsSticky: tenant.file.isElsewhere)
        try FileSystem.makeDirectory(file.directory)
        do {
            let digest = try FileSystem.copyDigesting(path, to: file.path) { !cancellation.isCancelled }
            let manifest = try requireManifest(of: path, matches: digest)
            try inspect(file.path, cancellation)
            let (content, checks) = try openStaged(
                file, tenant, mark: isForReal ? (context, from) : nil, cancellation)
            if !isForReal { try FileSystem.removeStaging(file.directory) }
            return StagedRestore(
                journal: journal, from: from, sha256: digest.sha256, bytes: digest.bytes, content: content,
                checks: checks, doubts: Self.doubts(manifest, for: tenant.slug))
        } catch {
            try FileSystem.removeStaging(file.directory)
            throw error
        }
    }

    /// Opens the copy as the tenant's own file would be: migrated, adopted, with a new epoch; closed clean again.
    private func openStaged(
        _ file: RegistryFile, _ tenant: Tenant, mark: (context: ChangeContext, from: String)?,
        _ cancellation: Cancellation
    ) throws -> (TenantContent, [HealthCheck]) {
        var options = tenant.options
        options.access = .readWrite
        let store = RegistryStore(
            tenant: tenant.slug.rawValue, file: file, options: options, environment: environment,
            sources: tenant.sources, cancellation: cancellation)
        defer { store.drop() }
        do throws(RegistryError) {
            try store.open()
        } catch {
            switch error {
            case .quarantined(let reason): throw RegistryError.backupInvalid(reason)
            case .newerSchema: throw RegistryError.backupInvalid(error.message)
            default: throw error
            }
        }
        try cancellation.check("checking the backup")
        let checks = store.servingChecks()
        if let failed = checks.first(where: { $0.status == .failed }) {
            throw RegistryError.backupInvalid("\(failed.id): \(failed.found)")
        }
        if let mark {
            let name = mark.from.split(separator: "/").last.map(String.init) ?? mark.from
            guard case .finished(let errors) = store.commit([RestoreMark(context: mark.context, backup: name)]),
                errors == [nil]
            else { throw RegistryError.backupFailed("the restore could not be recorded in the copy") }
        }
        try store.close()
        guard !store.hasUncheckpointedChanges else { throw RegistryError.busy(retryAfter: 1) }
        return (store.content, checks)
    }

    /// What a restore that was killed before it began has left; one that had begun has a journal, and is finished by the
    /// opening of the file.
    private func clearStagings(of file: RegistryFile) throws {
        guard FileStatus(file.restoreJournalPath) == nil, FileStatus(file.directory)?.kind == .directory else { return }
        let prefix = file.name + ".restoring-"
        for name in try FileSystem.names(in: file.directory)
        where name.hasPrefix(prefix) && name.dropFirst(prefix.count).allSatisfy(\.isNumber) {
            try FileSystem.removeStaging(file.directory + "/" + name)
        }
    }
}
