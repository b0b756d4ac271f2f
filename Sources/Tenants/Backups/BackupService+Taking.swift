package import Profiles
import SQLite

/// What a backup shall be, beyond the tenant it is of.
package struct BackupRequest: Sendable {
    /// Another directory than the usual one; absolute. Below it the tenant gets one of its own.
    package var directory: String?
    /// Nil: as configured.
    package var retention: BackupRetention?

    package init(directory: String? = nil, retention: BackupRetention? = nil) {
        self.directory = directory
        self.retention = retention
    }
}

/// What a backup has made, and what it removed afterwards.
package struct BackupOutcome: Sendable {
    /// The registry file's first.
    package let files: [BackupFile]
    /// Names of older ones beyond the retention.
    package let pruned: [String]
    /// Why older ones could not be removed; the backup itself is good.
    package let warnings: [String]
    package let durationNs: UInt64
}

extension BackupService {
    /// Takes a backup of a tenant's files while they are in use.
    ///
    /// Throws `quarantined` for a tenant whose file is of no use, `backupFailed` when the copy is not what it should
    /// be, `diskFull`, `cancelled`; nothing is left under a backup's name then, and nothing was pruned.
    package func backUp(
        _ tenant: TenantSlug, _ request: BackupRequest = BackupRequest()
    ) async throws(RegistryError) -> BackupOutcome {
        let started = ConditionLock.now()
        return try await inTurn(tenant) { () async throws(RegistryError) in
            let opened = try await directory.open(tenant)
            let place: BackupPlace = try await onThread { [self] _ in
                try self.place(of: tenant, file: opened.file, in: request.directory)
            }
            var files = [try await copyRegistry(of: opened, to: place)]
            for name in Self.companions {
                let path = opened.file.directory + "/" + name
                let companion = BackupPlace(directory: place.directory, base: name, isOwn: place.isOwn)
                if let file = try await copyCompanion(path, of: tenant.rawValue, to: companion) { files.append(file) }
            }
            let retention = request.retention ?? settings.retention
            var pruned: [String] = []
            var warnings: [String] = []
            for file in files {
                let own = BackupPlace(directory: place.directory, base: file.name.base)
                do throws(RegistryError) {
                    pruned += try await prune(own, retention, keeping: file)
                } catch {
                    warnings.append(error.message)
                }
            }
            for file in files {
                environment.log(
                    TenantEvent(
                        .info, "backup made", tenant: tenant.rawValue,
                        [("path", file.path), ("bytes", "\(file.bytes)"), ("pruned", "\(pruned.count)")]))
            }
            for reason in warnings { warnOfPruning(tenant.rawValue, reason) }
            return BackupOutcome(
                files: files, pruned: pruned, warnings: warnings, durationNs: ConditionLock.now() - started)
        }
    }

    /// A backup of the data directory's own database of tenants and keys; nil while there is none.
    package func backUpControl() async throws(RegistryError) -> BackupFile? {
        let data = directory.configuration.data.path
        let place = controlPlace
        return try await inTurn(nil) { () async throws(RegistryError) in
            guard let file = try await copyCompanion(data + "/" + Self.control, of: "", to: place) else { return nil }
            do throws(RegistryError) {
                _ = try await prune(place, settings.retention, keeping: file)
            } catch {
                warnOfPruning("", error.message)
            }
            return file
        }
    }

    private func prune(
        _ place: BackupPlace, _ retention: BackupRetention, keeping file: BackupFile
    ) async throws(RegistryError) -> [String] {
        try await onThread { [self] _ in
            try place.prune(retention, keeping: file.name, nowMs: environment.nowMs())
        }
    }

    private func warnOfPruning(_ tenant: String, _ reason: String) {
        environment.log(
            TenantEvent(.warning, "older backups could not be removed", tenant: tenant, [("reason", reason)]))
    }

    /// The backups of the data directory's own database, newest first.
    package func listControl() async throws(RegistryError) -> [BackupFile] {
        let place = controlPlace
        return try await looking { _ in try place.list() }
    }

    private var controlPlace: BackupPlace {
        BackupPlace(
            directory: settings.directory ?? directory.configuration.data.path + "/backups", base: Self.control,
            isOwn: settings.directory == nil)
    }

    /// Copies the live registry file.
    private func copyRegistry(of tenant: Tenant, to place: BackupPlace) async throws(RegistryError) -> BackupFile {
        try await besideWriters(of: tenant, "copying \(tenant.file.path)") { [self] cancellation, closed in
            let copy = CopyOrder(source: tenant.file.path, options: tenant.options, tenant: tenant.slug.rawValue)
            return try make(copy, in: place, cancellation, closed: closed)
        }
    }

    /// Copies a database nobody of this program has open; nil when there is none.
    private func copyCompanion(
        _ path: String, of tenant: String, to place: BackupPlace
    ) async throws(RegistryError) -> BackupFile? {
        try await onThread { [self] cancellation in
            guard try FileSystem.checkFile(path) != nil else { return nil }
            var options = ConnectionOptions()
            let probe = try Connection(path: path, options: options.reading)
            let mode = try probe.text("PRAGMA journal_mode")
            probe.close()
            // A connection that may write takes the side files away again when it is the last.
            if mode == "wal" {
                let keeper = try Connection(path: path, options: options)
                defer { keeper.close() }
                return try make(CopyOrder(source: path, options: options, tenant: tenant), in: place, cancellation)
            }
            options.access = .readOnly
            return try make(CopyOrder(source: path, options: options, tenant: tenant), in: place, cancellation)
        }
    }
}

/// What is copied, and for whom.
struct CopyOrder {
    let source: String
    let options: ConnectionOptions
    let tenant: String
}

extension BackupService {
    /// Copies, verifies and names one file; the temporary is removed whatever happens. On a thread that may block.
    ///
    /// - Parameter closed: called when the source is no longer read, at the latest when this returns.
    private func make(
        _ order: CopyOrder, in place: BackupPlace, _ cancellation: Cancellation, closed: () -> Void = {}
    ) throws -> BackupFile {
        defer { closed() }
        let nowMs = environment.nowMs()
        let isShared = directory.configuration.elsewhere.values.contains { $0.file.directory == place.directory }
        try place.prepare(allowsSticky: isShared, nowMs: nowMs)
        let name = try place.freeName(nowMs: nowMs)
        let temporary = place.path(name.text + BackupPlace.temporarySuffix)
        defer { discard(temporary) }
        do {
            let (facts, digest) = try copy(order, to: temporary, cancellation, closed: closed)
            let manifest = BackupManifest(
                sha256: digest.sha256, bytes: digest.bytes, createdAtMs: nowMs, tenant: order.tenant, file: place.base,
                content: facts, gatewayVersion: settings.gatewayVersion)
            let given = try place.adopt(temporary, as: name, manifest)
            guard let file = BackupFile(given, in: place) else {
                throw RegistryError.backupFailed("\(place.path(given.text)) is gone")
            }
            return file
        } catch let error as SQLiteError where error.isDamage {
            throw RegistryError.backupFailed("\(order.source) is damaged: \(error.message)")
        } catch let error as SQLiteError {
            throw RegistryError(error, path: temporary)
        }
    }

    /// A verified copy under the temporary name.
    private func copy(
        _ order: CopyOrder, to temporary: String, _ cancellation: Cancellation, closed: () -> Void
    ) throws -> (facts: DatabaseFacts, digest: (sha256: String, bytes: Int64)) {
        // A disk of its own may be slow: the snapshot is held only as long as a copy on the file's own disk takes.
        let directory = FileSystem.parentDirectory(temporary)
        let isFar = FileIdentity.of(directory)?.device != FileIdentity.of(order.source)?.device
        let near = isFar ? order.source + ".copying" : temporary
        if isFar { try FileSystem.removeOwn(near) }
        defer { if isFar { discard(near) } }
        let facts = try DatabaseCopy(source: order.source, options: order.options, target: near).run(
            cancellation, closed: closed)
        try DatabaseCopy.verify(near, holds: facts, tenant: order.tenant, cancellation)
        let digest = try FileSystem.digest(of: near) { !cancellation.isCancelled }
        guard isFar else { return (facts, digest) }
        _ = try FileSystem.copyDigesting(near, to: temporary) { !cancellation.isCancelled }
        guard try FileSystem.digest(of: temporary) == digest else {
            throw RegistryError.backupFailed("\(directory) gave back other bytes than were written")
        }
        return (facts, digest)
    }
}
