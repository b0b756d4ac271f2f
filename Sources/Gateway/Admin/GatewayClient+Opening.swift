internal import Glibc
internal import Profiles
internal import Tenants

extension GatewayClient {
    /// What a command says about whom it wants to talk to.
    package struct Options: Sendable {
        package var flags = ConfigurationFlags()
        /// `--tenant`; nil: the configuration's default tenant.
        package var tenant: String?
        /// The command may call model providers, and so needs their keys when no server runs.
        package var callsUpstreams = false

        package init() {}
    }

    /// Finds the server that owns the data; without one, takes the data itself. Close the client at the end.
    ///
    /// A command never makes a data directory or a registry file elsewhere: where there is none, it looks in the wrong
    /// place.
    ///
    /// - Throws: `ConfigurationErrors`, or `ClientFailure` when the data are somebody's who cannot be asked.
    package static func open(_ options: Options, loader: ConfigurationLoader) async throws -> GatewayClient {
        let configuration = try loader.load(options.flags, readsSecrets: false).configuration
        let named = try options.tenant.map { (raw) throws(ClientFailure) in try slug(raw) }
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            if let server = try await RunningServer.find(configuration, until: deadline) {
                let tenant = named.map { .success($0) } ?? defaultTenant(configuration, of: server)
                return GatewayClient(tenant: tenant, carrier: try RemoteCarrier(server))
            }
            try requireData(configuration)
            let complete = options.callsUpstreams ? try loader.load(options.flags).configuration : configuration
            // Only what the user should know; the command says the rest.
            var log = complete.log
            log.level = .warning
            do {
                let tenant = named.map { .success($0) } ?? defaultTenant(configuration, of: nil)
                return GatewayClient(tenant: tenant, carrier: try LocalCarrier(complete, .standardError(log)))
            } catch let error as RegistryError {
                // Somebody else came first: a server to ask, or a command to wait for.
                if case .inUseByProcess = error, .now < deadline { continue }
                throw ClientFailure(.failed, error.message)
            }
        }
    }

    /// The tenant of a command that names none: the same as the server's of a request that names none.
    private static func defaultTenant(
        _ configuration: GatewayConfiguration, of server: RunningServer?
    ) -> Result<TenantSlug, ClientFailure> {
        guard let tenant = configuration.defaultTenant else {
            return .failure(ClientFailure(.usage, "no tenant is named and none is the default: add --tenant"))
        }
        if let server, let theirs = server.defaultTenant, theirs != tenant.rawValue {
            return .failure(
                ClientFailure(
                    .usage,
                    "no tenant is named; the default tenant of the server at \(server.url) (process \(server.pid)) is "
                        + "\(theirs), and of this command \(tenant): add --tenant, or --default-tenant \(theirs)"))
        }
        return .success(tenant)
    }

    private static func slug(_ raw: String) throws(ClientFailure) -> TenantSlug {
        guard let slug = TenantSlug(raw) else {
            throw ClientFailure(
                .usage, "--tenant \(raw.debugDescription): a tenant is 1–63 characters of a–z, 0–9 and '-'")
        }
        return slug
    }

    private static func requireData(_ configuration: GatewayConfiguration) throws(ClientFailure) {
        guard access(configuration.dataDirectory, F_OK) == 0 else {
            throw ClientFailure(
                .notFound,
                "there is no data directory at \(configuration.dataDirectory), and no server runs on it: "
                    + "name the place with --data-dir or --config, or start `profile-gateway serve` first")
        }
        guard let path = configuration.registryFile?.path else { return }
        let file = RegistryFile(path: path)
        // What is kept beside a file says of a lost one that its place is right: it may be there to be restored.
        let traces = [file.path, file.statePath, file.restoreJournalPath]
        guard traces.contains(where: { access($0, F_OK) == 0 }) else {
            throw ClientFailure(
                .notFound,
                "there is no registry file at \(path), and no server runs on it: look at --profile-registry-db, "
                    + "--profile-registry-dsn or the configuration, or start `profile-gateway serve` with it first")
        }
    }
}
