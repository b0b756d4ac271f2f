import SQLite

extension RegistryStore {
    /// What became of a group of writes.
    enum GroupOutcome {
        /// Each member's own outcome, in order; nil for success. The new content is `content`.
        case finished([RegistryError?])
        /// Another process holds the write lock; nothing was changed, all members may try again.
        case busy
        /// Nothing was changed, for the same reason for all.
        case failed(RegistryError)
        /// The commit may or may not be on disk; the file has to be opened again.
        case unknown(RegistryError)
    }

    /// Applies a group of writes in one transaction, each under its own savepoint, and commits them with one fsync.
    ///
    /// A member that fails leaves the others untouched; a full disk or an I/O error fails them all. An empty group
    /// only takes in what another process wrote.
    func commit(_ group: [any PendingWrite]) -> GroupOutcome {
        guard !isReadOnly else {
            return .failed(.readOnly(file.path, "it was opened read-only"))
        }
        do throws(RegistryError) {
            let writer = try openCurrentWriter()
            try attempt { try writer.begin(.immediate) }
            return try commitBegun(group, writer)
        } catch {
            return Self.outcome(of: error)
        }
    }

    /// The writer, on the file the content was read from; replaced or changed files are taken in first.
    func openCurrentWriter() throws(RegistryError) -> Connection {
        if let open = connections.openWriter, !owesReading {
            if FileIdentity.of(file.path) == mainIdentity { return open }
        } else if !owesReading, FileIdentity.of(file.path) == mainIdentity, hasLogOfClosing {
            // Looked at before it is opened too: SQLite would make a new database of a file that was emptied.
            // The version is taken before the identities: what commits after them shows in it.
            let opened = try attempt { try connections.writer() }
            dataVersion = try attempt { try opened.dataVersion() }
            if FileIdentity.of(file.path) == mainIdentity && hasLogOfClosing { return opened }
        }
        try takeInChanges()
        return try attempt { try connections.writer() }
    }

    private func commitBegun(_ group: [any PendingWrite], _ writer: Connection) throws(RegistryError) -> GroupOutcome {
        let before = content
        do {
            // Taken inside the transaction: from here to the commit nobody else can commit.
            let version = try attempt { try writer.dataVersion() }
            let isForeign = version != dataVersion
            if isForeign { try attempt { try readAndAdopt(writer) } }
            var draft = content
            let outcomes = try apply(group, to: &draft, writer)
            guard draft.revision != before.revision || isForeign else {
                try attempt { try writer.rollback() }
                return .finished(outcomes)
            }
            try attempt { try writeRevision(writer, draft.revision) }
            return finish(outcomes, Committing(draft: draft, before: before, dataVersion: version), writer)
        } catch {
            content = before
            guard (try? writer.rollback()) != nil else {
                drop()
                return .unknown(.commitOutcomeUnknown("the transaction could not be rolled back: \(error.message)"))
            }
            throw error
        }
    }

    private func apply(
        _ group: [any PendingWrite], to draft: inout TenantContent, _ writer: Connection
    ) throws(RegistryError) -> [RegistryError?] {
        var outcomes: [RegistryError?] = []
        let mounted = sources?.mounted ?? .none
        for write in group {
            try attempt { try writer.savepoint() }
            var transaction = RegistryTransaction(
                connection: writer, context: write.context, content: draft, mounted: mounted)
            do throws(RegistryError) {
                try write.apply(to: &transaction)
                try attempt { try writer.releaseSavepoint() }
                draft = transaction.content
                outcomes.append(nil)
            } catch {
                // SQLite itself rolls all back on a full disk or an I/O error: then nobody's change is there.
                guard writer.isInTransaction, !error.failsGroup else { throw error }
                try attempt { try writer.undoSavepoint() }
                outcomes.append(error)
            }
        }
        return outcomes
    }

    private struct Committing {
        let draft: TenantContent
        let before: TenantContent
        let dataVersion: Int64
    }

    private func finish(_ outcomes: [RegistryError?], _ change: Committing, _ writer: Connection) -> GroupOutcome {
        do {
            try writer.commit()
        } catch {
            content = change.before
            return failedCommit(error, writer)
        }
        // Looked at first and asked for second, as in `noteMainIdentity`.
        let identity = FileIdentity.of(file.path)
        let isStillThere = (try? writer.hasMoved()) == false
        guard isStillThere, let identity, !usesWriteAheadLog || identity == mainIdentity else {
            // Written, but into what may no longer be the file: whether anyone will ever read it is open.
            content = change.before
            owesReading = true
            return .unknown(.commitOutcomeUnknown("\(file.path) was replaced while the change was committed"))
        }
        content = change.draft
        mainIdentity = identity
        dataVersion = change.dataVersion
        noteLogAfterCommit(writer)
        noteAdopted()
        return .finished(outcomes)
    }

    private func failedCommit(_ error: SQLiteError, _ writer: Connection) -> GroupOutcome {
        switch error.code.primary {
        case .busy, .locked, .full, .readOnly, .constraint, .tooBig:
            // Refused before anything was written for good.
            guard (try? writer.rollback()) != nil else { break }
            return Self.outcome(of: RegistryError(error, path: file.path))
        default: break
        }
        drop()
        return .unknown(.commitOutcomeUnknown("\(file.path): \(error.message)"))
    }

    private static func outcome(of error: RegistryError) -> GroupOutcome {
        error.isBusy ? .busy : .failed(error)
    }

    /// Whether nobody has left a log since the file was closed. Opening a connection makes an empty one.
    private var hasLogOfClosing: Bool {
        let now = FileIdentity.of(file.writeAheadLogPath)
        return now == closedLogIdentity || now?.size ?? 0 == 0 && closedLogIdentity?.size ?? 0 == 0
    }
}

extension RegistryError {
    /// Whether the error is the file's and not of the one change it met.
    var failsGroup: Bool {
        switch self {
        case .diskFull, .readOnly, .storage, .busy, .quarantined, .closed, .commitOutcomeUnknown, .newerSchema,
            .unsafePath:
            true
        default: false
        }
    }
}
