package import Profiles
import SQLite
import Synchronization

/// One customer's island: its snapshot, its writer's queue, its file and whether the file can be trusted.
///
/// Reads take the published snapshot, on any thread, without waiting for anything. Everything else is done by the
/// tenant's worker: at most one thread of the blocking pool at a time has that role, and only it touches the file. The
/// caller of a write is suspended, holds no thread, and cannot cancel it.
package final class Tenant: Sendable {
    package enum State: Sendable, Equatable {
        case serving
        /// The file is damaged, replaced by something strange or of a newer program: every request is answered with
        /// the error, other tenants never notice, and the tenant comes back when the file changes.
        case quarantined(RegistryError)
        /// A backup is being put in the file's place: requests are told to come back in a moment.
        case restoring
        case closed
    }

    struct Published {
        var state = State.serving
        var snapshot = Snapshot(.empty)
    }

    package let slug: TenantSlug
    package let file: RegistryFile
    let busyTimeout: Duration
    /// How the file is opened.
    let options: ConnectionOptions
    /// The copies that are read from the live file.
    let copies: CopyGate
    let services: TenantServices
    /// What the operator mounted beside the file; nil for nothing.
    let sources: SourceMounts?
    let published = Mutex(Published())
    let work = Mutex(TenantWork())
    /// The store's connections; the reader borrows from them.
    let connections: ConnectionPool
    /// Locked only by whoever has the worker role, so never waited for: ownership, spelled as a lock.
    let store: Mutex<RegistryStore>
    /// The directory's clock when somebody last asked for the tenant.
    let lastUse = Atomic<UInt64>(0)
    /// Tells the directory to hold on to the tenant while its file is open.
    let onActivity: @Sendable (Tenant) -> Void

    init(
        slug: TenantSlug, file: RegistryFile, options: ConnectionOptions, services: TenantServices,
        sources: SourceMounts? = nil, backupDirectory: String? = nil,
        onActivity: @escaping @Sendable (Tenant) -> Void
    ) {
        self.slug = slug
        self.file = file
        self.services = services
        self.sources = sources
        self.onActivity = onActivity
        busyTimeout = options.busyTimeout
        self.options = options
        let copies = CopyGate()
        self.copies = copies
        let registryStore = RegistryStore(
            tenant: slug.rawValue, file: file, options: options, environment: services.environment, copies: copies,
            sources: sources)
        registryStore.backupDirectory = backupDirectory
        connections = registryStore.connections
        store = Mutex(registryStore)
    }

    /// What the file says; the last known state when the tenant is quarantined. Any thread, no I/O.
    package var snapshot: Snapshot { published.withLock { $0.snapshot } }

    package var state: State { published.withLock { $0.state } }

    /// The snapshot of a tenant that serves; throws what keeps it from serving. Any thread, no I/O.
    package func current() throws(RegistryError) -> Snapshot {
        let now = published.withLock { $0 }
        switch now.state {
        case .serving: return now.snapshot
        case .quarantined(let error): throw error
        case .restoring: throw .restoring(retryAfter: 1)
        case .closed: throw .closed
        }
    }

    /// Makes a change: all of `body` or nothing, durable and visible to every later read when this returns.
    ///
    /// Changes that wait together are committed together with one fsync, each under its own savepoint and checks.
    /// `body` runs on the writer's thread, may run twice (after a lost lock), and must only change the transaction.
    /// Cancelling the caller's task changes nothing. Throws what `body` throws; `busy` when another process kept the
    /// file locked until the deadline; `commitOutcomeUnknown` when the commit could not be confirmed.
    package func transact<Value: Sendable>(
        _ context: ChangeContext, _ body: @escaping @Sendable (inout RegistryTransaction) throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        let deadline = context.deadline ?? .now + busyTimeout
        let result = await withCheckedContinuation { continuation in
            enqueue(PendingChange(context: context, deadline: deadline, body: body, continuation: continuation))
        }
        return try result.get()
    }

    func publish(_ content: TenantContent) {
        let snapshot = Snapshot(content, mounted: sources?.mounted ?? .none)
        published.withLock { $0 = Published(state: .serving, snapshot: snapshot) }
    }

    func quarantine(_ error: RegistryError) {
        published.withLock { $0.state = .quarantined(error) }
        services.environment.log(
            TenantEvent(.error, "tenant quarantined", tenant: slug.rawValue, [("reason", error.message)]))
    }
}
