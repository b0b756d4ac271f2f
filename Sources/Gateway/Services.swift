internal import Logging
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

/// What handlers work with; made once by `GatewayProcess`, or by a test.
struct Services: Sendable {
    let configuration: GatewayConfiguration
    /// The operator key, read from its place; nil in the keyless loopback mode.
    let operatorKey: Secret?
    /// What the lock file holds: it lets the command line of this machine act as operator.
    let localToken: Secret?
    let tenants: TenantDirectory
    let backups: BackupService
    let scheduler: BackupScheduler
    let overdue: OverdueWatch
    let upstreams: UpstreamDirectory
    let clock: GatewayClock
    let identifiers: Identifiers
    let log: Logger
    let middlewares: BuiltInMiddlewares
    /// What writes are judged by, beyond the rules that hold for every profile.
    let rules: ProfileRules

    init(
        configuration: GatewayConfiguration, operatorKey: Secret?, localToken: Secret? = nil,
        tenants: TenantDirectory, backups: BackupService, scheduler: BackupScheduler, overdue: OverdueWatch,
        upstreams: UpstreamDirectory, middlewares: BuiltInMiddlewares,
        clock: GatewayClock = GatewayClock(), identifiers: Identifiers = Identifiers(), log: Logger
    ) {
        self.configuration = configuration
        self.operatorKey = operatorKey
        self.localToken = localToken
        self.tenants = tenants
        self.backups = backups
        self.scheduler = scheduler
        self.overdue = overdue
        self.upstreams = upstreams
        self.clock = clock
        self.identifiers = identifiers
        self.log = log
        self.middlewares = middlewares
        rules = ProfileRules(
            middlewares: middlewares.catalog, upstreamBaseURLs: Set(configuration.upstreams.compactMap(\.baseURL)),
            upstreamNames: Set(configuration.upstreams.map(\.name)))
    }
}
