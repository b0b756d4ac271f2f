import Profiles
import SQLite
import Synchronization

/// Takes, lists, removes and restores backups, and looks whether a tenant is well (gateway.md §10).
///
/// Its work takes long and so runs on threads of its own, which stand back behind the others; per tenant one thing at a
/// time, in order of arrival. Looking at what backups there are waits for none of it. What it reads of a live file it reads
/// through a connection of its own (`DatabaseCopy`); what changes a tenant is handed to the tenant's worker.
package final class BackupService: Sendable {
    package struct Settings: Sendable {
        /// Where backups go when a request names no place; nil: beside the tenant's data. Below it one directory per
        /// tenant.
        package var directory: String?
        /// How many are kept when a request does not say.
        package var retention = BackupRetention.standard
        /// Since when, in milliseconds since 1970, there should be a backup at a given moment; nil where nothing is
        /// scheduled.
        package var overdueBefore: @Sendable (_ nowMs: Int64) -> Int64? = { _ in nil }
        /// Goes into the manifests.
        package var gatewayVersion = ""

        package init() {}
    }

    let directory: TenantDirectory
    let settings: Settings
    let turns = TurnByTenant()
    /// Ends everything when the process stops.
    let stopping = Cancellation()
    /// Copies, checks, and all that changes files.
    private let pool: BlockingPool
    /// Short looks at directories of backups.
    private let looks: BlockingPool

    /// Throws `storage` when the system gives no threads.
    package init(_ directory: TenantDirectory, settings: Settings = Settings()) throws(RegistryError) {
        self.directory = directory
        self.settings = settings
        pool = try BlockingPool(threads: 2, name: "backup", niceness: 10)
        looks = try BlockingPool(threads: 1, name: "backup-look")
    }

    var environment: TenantEnvironment { directory.services.environment }

    /// Gives up what runs and ends the threads; before the directory of tenants is closed. Later calls throw `closed`.
    package func stop() async {
        stopping.cancel()
        let (pool, looks) = (pool, looks)
        await PlainThread.run(name: "backup-stop") {
            looks.stop()
            pool.stop()
        }
    }

    /// Runs work that blocks on a thread of its own; it can tell from the cancellation that nobody wants it any more.
    func onThread<Value: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await run(on: pool, body)
    }

    /// The same for a short look that changes nothing: it does not wait for copies.
    func looking<Value: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await run(on: looks, body)
    }

    private func run<Value: Sendable>(
        on pool: BlockingPool, _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws(RegistryError) -> Value {
        do { return try await pool.run(Cancellation(under: stopping), body) } catch {
            throw RegistryError(error, path: "backup")
        }
    }

    /// Removes a file of ours that is of no use any more; one that cannot be removed is found by the next run.
    func discard(_ path: String) {
        do throws(RegistryError) { try FileSystem.removeOwn(path) } catch {
            environment.log(
                TenantEvent(.warning, "temporary file could not be removed", tenant: "", [("reason", error.message)]))
        }
    }

    /// Runs `body` when nothing else of this kind runs for the tenant; nil: for the data directory's own database.
    ///
    /// Throws `closed`, and `cancelled` when nobody waits for its turn any more.
    func inTurn<Value: Sendable>(
        _ tenant: TenantSlug?, _ body: () async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        guard await turns.begin(tenant) else { throw .cancelled("waiting for other work on backups") }
        defer { turns.end(tenant) }
        if stopping.isCancelled { throw .closed }
        return try await body()
    }
}
