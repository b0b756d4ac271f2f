import Profiles
import SQLite
import Synchronization

/// Takes, lists, removes and restores backups, and looks whether a tenant is well (gateway.md §10).
///
/// Its work takes long and so runs on threads of its own, which stand back behind the others; per tenant one thing at a
/// time, in order of arrival. What it reads of a live file it reads through a connection of its own (`DatabaseCopy`);
/// what changes a tenant is handed to the tenant's worker.
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
    private let pool: BlockingPool

    package init(_ directory: TenantDirectory, settings: Settings = Settings()) {
        self.directory = directory
        self.settings = settings
        pool = BlockingPool(threads: 2, name: "backup", niceness: 10)
    }

    var environment: TenantEnvironment { directory.services.environment }

    /// Gives up what runs and ends the threads; before the directory of tenants is closed. Later calls throw `closed`.
    package func stop() async {
        stopping.cancel()
        let pool = pool
        // Joining blocks, and not one of the threads being joined.
        await withCheckedContinuation { continuation in
            _ = PlainThread(name: "backup-stop") {
                pool.stop()
                continuation.resume()
            }
        }
    }

    /// Runs work that blocks on a thread of its own; it can tell from the cancellation that nobody wants it any more.
    func onThread<Value: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws(RegistryError) -> Value {
        let cancellation = Cancellation(under: stopping)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, RegistryError>, Never>) in
                let isQueued = pool.submit {
                    let result: Result<Value, RegistryError>
                    do {
                        result = .success(try body(cancellation))
                    } catch { result = .failure(RegistryError(error, path: "backup")) }
                    continuation.resume(returning: result)
                }
                if !isQueued { continuation.resume(returning: .failure(.closed)) }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }

    /// Removes a file of ours that is of no use any more; one that cannot be removed is found by the next run.
    func discard(_ path: String) {
        do throws(RegistryError) { try FileSystem.removeOwn(path) } catch {
            environment.log(
                TenantEvent(.warning, "temporary file could not be removed", tenant: "", [("reason", error.message)]))
        }
    }

    /// Runs `body` when nothing else of this kind runs for the tenant; nil: for the data directory's own database.
    func inTurn<Value: Sendable>(
        _ tenant: TenantSlug?, _ body: () async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        await turns.begin(tenant)
        defer { turns.end(tenant) }
        if stopping.isCancelled { throw .closed }
        return try await body()
    }
}
