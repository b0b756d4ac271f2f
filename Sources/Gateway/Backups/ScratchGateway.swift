internal import Glibc
internal import Profiles
internal import Tenants

/// A gateway of its own over a copy of one tenant, reachable by nobody else: what a restored file would answer is asked
/// of the real endpoints, and no provider is called.
///
/// Its data lie below `data_dir/scratch` while it exists; what a killed process left there is removed at the next use.
struct ScratchGateway: Sendable {
    let client: GatewayClient
    let tenant: TenantSlug

    /// Runs `body` with a gateway on an empty data directory, after `prepare` had the chance to put files in it.
    ///
    /// Throws `RegistryError` `cancelled` when the task was cancelled, whatever `body` has made of it.
    ///
    /// - Parameter prepare: gets the path the tenant's registry file will have; its directory is there.
    static func with<Value: Sendable>(
        _ tenant: TenantSlug, _ services: Services, prepare: (String) async throws -> Void = { _ in },
        _ body: (ScratchGateway) async throws -> Value
    ) async throws -> Value {
        let root = services.tenants.dataPath + "/scratch"
        let directory = try await services.backups.blocking { () throws(RegistryError) in
            try ScratchDirectories.make(in: root)
        }
        var outcome: Result<Value, any Error>
        do {
            try await prepare("\(directory)/tenants/\(tenant)/profiles.db")
            outcome = .success(try await run(tenant, services, in: directory, body))
        } catch { outcome = .failure(error) }
        try await services.backups.blocking { () throws(RegistryError) in try ScratchDirectories.remove(directory) }
        let value = try outcome.get()
        // What was found then was found of work that was given up half-way.
        if Task.isCancelled { throw RegistryError.cancelled("asking a copy of tenant \(tenant)") }
        return value
    }

    private static func run<Value: Sendable>(
        _ tenant: TenantSlug, _ services: Services, in directory: String,
        _ body: (ScratchGateway) async throws -> Value
    ) async throws -> Value {
        let configuration = configuration(services, tenant, directory)
        var log = configuration.log
        // What goes wrong in here is the answer, not an event of the process.
        log.level = .critical
        let settings = LogSettings.standardError(log)
        let carrier = try await services.backups.blocking { () throws(RegistryError) in
            do { return try LocalCarrier(configuration, settings) } catch let error as RegistryError {
                throw error
            } catch {
                throw .storage("\(error)")
            }
        }
        let client = GatewayClient(tenant: .success(tenant), carrier: carrier)
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(ScratchGateway(client: client, tenant: tenant))) } catch {
            outcome = .failure(error)
        }
        await client.close()
        return try outcome.get()
    }

    /// The operator's configuration, with the one tenant, and the built-in echo in place of every provider.
    private static func configuration(
        _ services: Services, _ tenant: TenantSlug, _ directory: String
    ) -> GatewayConfiguration {
        let given = services.configuration
        var configuration = given
        configuration.dataDirectory = directory
        configuration.registryFile = nil
        configuration.operatorKey = nil
        configuration.trustedProxies = []
        configuration.tenantHostSuffix = nil
        configuration.defaultTenant = tenant
        configuration.tenants = given.tenants.filter { $0.slug == tenant }
        // What is mounted beside the tenant is needed to resolve its stacks; what is verified is the tenant's own.
        configuration.sourcesTakeDefault = false
        configuration.forbiddenSourcePlaces = [services.tenants.dataPath] + [given.registryFile?.path].compactMap { $0 }
        configuration.backups = GatewayConfiguration.BackupConfiguration()
        configuration.upstreams = given.upstreams.map { upstream in
            var silent = UpstreamConfiguration(name: upstream.name, api: .echo)
            // Profiles may choose by it.
            silent.baseURL = upstream.baseURL
            return silent
        }
        return configuration
    }
}
