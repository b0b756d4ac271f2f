internal import Bundles
internal import Glibc
internal import HTTPClient
internal import Logging
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

/// Everything of a gateway but its listeners: it owns the data directory and can answer requests.
///
/// `serve` puts a server in front of it; a command without a running server asks it directly.
struct Composition: Sendable {
    let tenants: TenantDirectory
    let backups: BackupService
    /// Takes backups by the clock once it is started, which only a server does.
    let scheduler: BackupScheduler
    /// Looks for backups that the schedule should have made, once it is started, which only a server does.
    let overdue: OverdueWatch
    let gateway: Gateway
    let transport: Transport
    /// What the lock files say; the URL follows once there is one.
    let owner: OwnershipLock.Owner

    /// Takes the locks and starts the threads; opens no tenant yet. Blocks as files do.
    ///
    /// - Throws: `RegistryError` `inUseByProcess` when another process owns the directory, or why it is unsafe;
    ///   `TransferError`, `UpstreamError` and others for what the configuration names and cannot be used.
    init(_ configuration: GatewayConfiguration, log: Logger) throws {
        let clock = GatewayClock()
        let token = Identifiers.token()
        owner = OwnershipLock.Owner(
            pid: getpid(), token: token, defaultTenant: configuration.defaultTenant?.rawValue)
        transport = try Transport(TransportConfiguration())
        let upstreams = try UpstreamDirectory(configuration, transport: transport)
        let middlewares = try BuiltInMiddlewares(agentModes: configuration.agentModes)
        tenants = try TenantDirectory(
            configuration: Self.tenantConfiguration(configuration, owner: owner),
            environment: Self.environment(clock, log), owner: owner)
        backups = try BackupService(tenants, settings: Self.backupSettings(configuration))
        scheduler = BackupScheduler(
            configuration.backups, tenants: tenants, backups: backups, nowMs: { clock.nowMilliseconds() }, log: log)
        overdue = OverdueWatch(backups, times: BackupScheduler.overdueTimes(configuration.backups), log: log)
        gateway = Gateway(
            Services(
                configuration: configuration, operatorKey: configuration.operatorKey, localToken: Secret(token),
                tenants: tenants, backups: backups, scheduler: scheduler, overdue: overdue,
                upstreams: upstreams, middlewares: middlewares, clock: clock, log: log))
    }

    /// Ends what runs and closes every file.
    func close() async {
        await transport.shutdown()
        await scheduler.stop()
        await overdue.stop()
        await backups.stop()
        await tenants.close()
    }

    private static func tenantConfiguration(
        _ configuration: GatewayConfiguration, owner: OwnershipLock.Owner
    ) throws -> TenantDirectory.Configuration {
        var tenants = TenantDirectory.Configuration(
            data: try DataDirectory(creating: configuration.dataDirectory, owner: owner),
            configured: Set(configuration.tenants.map(\.slug) + [configuration.defaultTenant].compactMap { $0 }),
            maximumOpen: configuration.maximumOpenTenants)
        tenants.retention = configuration.retention
        tenants.backupDirectory = configuration.backups.directory
        tenants.sourceReading = SourceReading(directories: configuration.sourceDirectories, decodeYAML: Self.documents)
        tenants.sourceReading.forbidden = configuration.forbiddenSourcePlaces
        tenants.sourceReading.takesDefault = configuration.sourcesTakeDefault
        for tenant in configuration.tenants { tenants.sources[tenant.slug] = tenant.sources }
        if let file = configuration.registryFile, let tenant = configuration.defaultTenant {
            tenants.elsewhere[tenant] = (RegistryFile(path: file.path), file.options)
        }
        return tenants
    }

    /// The registries of a YAML source; one that is not right in every part is not used.
    private static func documents(of yaml: [UInt8]) throws(SourceFailure) -> [RegistryDocument] {
        let bundle: Bundle
        do throws(BundleError) { bundle = try BundleReader().read(yaml, as: .yaml) } catch {
            guard case .syntax(let reason, let line) = error else { throw SourceFailure("\(error)") }
            throw SourceFailure(reason, line: line)
        }
        let registries = bundle.documents.map(\.registry.slug)
        if let problem = bundle.problems.first {
            throw SourceFailure(problem.message, line: problem.line, registries: registries)
        }
        let documents = bundle.completed
        guard !documents.isEmpty else { throw SourceFailure("holds no registries") }
        for document in documents {
            do throws(ValidationError) { try document.validate() } catch {
                let problem = bundle.problem(error, in: document.registry.slug)
                throw SourceFailure(problem.message, line: problem.line, registries: registries)
            }
        }
        return documents
    }

    private static func backupSettings(_ configuration: GatewayConfiguration) -> BackupService.Settings {
        var settings = BackupService.Settings()
        settings.directory = configuration.backups.directory
        settings.retention = BackupRetention(
            keep: configuration.backups.keep, maximumAge: configuration.backups.maximumAge)
        let plan = configuration.backups
        settings.overdueBefore = { nowMs in BackupScheduler.overdueBefore(nowMs, plan) }
        settings.gatewayVersion = GatewayVersion.text
        return settings
    }

    private static func environment(_ clock: GatewayClock, _ log: Logger) -> TenantEnvironment {
        TenantEnvironment(
            nowMs: { clock.nowMilliseconds() },
            random: { UInt64.random(in: .min ... .max) },
            log: { event in
                var metadata: Logger.Metadata = ["tenant": "\(event.tenant)"]
                for (key, value) in event.details { metadata[key] = "\(value)" }
                log.log(level: Logger.Level(event.level), "\(event.message)", metadata: metadata)
            })
    }
}
