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
    /// A command never makes a data directory: where there is none, it looks in the wrong place.
    ///
    /// - Throws: `ConfigurationErrors`, or `ClientFailure` when the data are somebody's who cannot be asked.
    package static func open(_ options: Options, loader: ConfigurationLoader) async throws -> GatewayClient {
        let configuration = try loader.load(options.flags, readsSecrets: false).configuration
        let tenant =
            try options.tenant.map { (raw) throws(ClientFailure) in try Self.slug(raw) }
            ?? configuration.defaultTenant
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            if let server = try await RunningServer.find(configuration, until: deadline) {
                return GatewayClient(tenant: tenant, carrier: try RemoteCarrier(server))
            }
            try requireData(configuration)
            let complete = options.callsUpstreams ? try loader.load(options.flags).configuration : configuration
            // Only what the user should know; the command says the rest.
            var log = complete.log
            log.level = .warning
            do {
                return GatewayClient(tenant: tenant, carrier: try LocalCarrier(complete, .standardError(log)))
            } catch let error as RegistryError {
                // Somebody else came first: a server to ask, or a command to wait for.
                if case .inUseByProcess = error, .now < deadline { continue }
                throw ClientFailure(.failed, error.message)
            }
        }
    }

    private static func slug(_ raw: String) throws(ClientFailure) -> TenantSlug {
        guard let slug = TenantSlug(raw) else {
            throw ClientFailure(
                .usage, "--tenant \(raw.debugDescription): a tenant is 1–63 characters of a–z, 0–9 and '-'")
        }
        return slug
    }

    private static func requireData(_ configuration: GatewayConfiguration) throws(ClientFailure) {
        let places = [configuration.dataDirectory] + [configuration.registryFile?.path].compactMap { $0 }
        guard !places.contains(where: { access($0, F_OK) == 0 }) else { return }
        throw ClientFailure(
            .notFound,
            "there is no data at \(places.joined(separator: " or ")), and no server runs on it: "
                + "name the place with --data-dir or --config, or start `profile-gateway serve` first")
    }
}
