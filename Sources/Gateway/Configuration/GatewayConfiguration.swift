// What the process was told to do, as values: every setting of gateway.md §2 with its unit and its default.
// Reading the outside world is ConfigurationLoader's; by the time one of these exists everything in it has been
// checked, secrets have been fetched, and nothing has been opened yet.

internal import Glibc
package import HTTPServer
package import JSON
package import Middlewares
package import Profiles
package import Tenants

/// The effective configuration of one gateway process (`gateway.md §2`).
package struct GatewayConfiguration: Sendable {
    /// Addresses to listen on; at least one. Default `127.0.0.1:8080`.
    package var listen: [ListenAddress]
    /// Directory of all tenants' files, as written by the operator; created 0700 if missing. Default `./data`.
    package var dataDirectory: String
    /// Who answers a request that names no tenant; `nil` = nobody. Default `default`.
    package var defaultTenant: TenantSlug?
    /// The operator's key; `nil` = none, which leaves the process in keyless loopback mode.
    package var operatorKey: Secret?
    /// Peers whose `X-Forwarded-*`, `Forwarded` and `X-Tenant` are believed. Default: nobody, not even loopback.
    package var trustedProxies: [AddressRange]
    /// `gw.example` makes the host `acme.gw.example` address tenant `acme`; lower case, no leading dot. Default: off.
    package var tenantHostSuffix: String?
    /// The only places chat may go to, in the order of the file (the first with a matching `api` wins a tie).
    package var upstreams: [UpstreamConfiguration]
    /// Name of the upstream for profiles that choose none; always one of `upstreams`.
    package var defaultUpstream: String
    /// Base layer under every profile: section → field → value.
    package var stepSettings: JSONObject
    /// The operator's catalogue of tools, by name.
    package var tools: [ToolDefinition]
    /// The modes a profile's `agentmode` middleware may choose, each with the prompt it adds.
    package var agentModes: [AgentMode]
    /// Provider credentials that profiles may name as `secret:<name>`.
    package var secrets: [ProviderSecret]
    /// Limits of every tenant that has none of its own. Default: none.
    package var limits: TenantLimits
    /// Tenants to create at start if missing, with their settings.
    package var tenants: [TenantConfiguration]
    /// Directories in which tenants' `sources` lie. Default: none.
    package var sourceDirectories: [String]
    /// For a gateway over a copy of a tenant; no setting. Paths that no source may lie in: the original's data.
    var forbiddenSourcePlaces: [String] = []
    /// For a gateway over a copy of a tenant; no setting. False where the tenant's own registry is to answer.
    var sourcesTakeDefault = true
    /// When backups are taken, where they go and how many are kept.
    package var backups: BackupConfiguration
    /// Directories beside `dataDirectory` in which the operator's requests may name backups. Default: none.
    package var backupDirectories: [String]
    /// How much of each tenant's history and audit is kept. Default: a million of each, for ten years.
    package var retention: HistoryRetention
    /// Largest accepted request bodies.
    package var maximumBodyBytes: BodyLimits
    /// How many tenants stay open when idle. Default 512.
    package var maximumOpenTenants: Int
    /// How long a write waits for another process's lock, from the request's arrival. Default 5 s.
    package var busyTimeout: Duration
    /// How long a stopping process lets running requests finish. Default 30 s.
    package var shutdownGrace: Duration
    /// How long a client may take.
    package var deadlines: Deadlines
    /// How many connections are held at once.
    package var connections: ConnectionLimits
    /// Event loop threads of the HTTP server. Default: one per core.
    package var threads: Int
    /// What is logged, and how.
    package var log: LogConfiguration
    /// Registry file of the default tenant when it is not inside `dataDirectory` (`--profile-registry-db/-dsn`).
    package var registryFile: RegistryFileOptions?

    /// Every setting at its default.
    package init() {
        listen = [.address(.ipv4(0x7F00_0001, port: 8080))]
        dataDirectory = "./data"
        // "default" is a slug; were it none, nobody would answer without a tenant.
        defaultTenant = try? TenantSlug(validating: "default")
        operatorKey = nil
        trustedProxies = []
        tenantHostSuffix = nil
        upstreams = [UpstreamConfiguration.builtInEcho]
        defaultUpstream = UpstreamConfiguration.builtInEcho.name
        stepSettings = JSONObject()
        tools = []
        agentModes = []
        secrets = []
        limits = TenantLimits()
        tenants = []
        backups = BackupConfiguration()
        backupDirectories = []
        sourceDirectories = []
        retention = HistoryRetention()
        maximumBodyBytes = BodyLimits()
        maximumOpenTenants = 512
        busyTimeout = .seconds(5)
        shutdownGrace = .seconds(30)
        deadlines = Deadlines()
        connections = ConnectionLimits()
        threads = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        log = LogConfiguration()
        registryFile = nil
    }

    /// The upstream of that name, if the operator configured one.
    package func upstream(named name: String) -> UpstreamConfiguration? {
        upstreams.first { $0.name == name }
    }

    /// The operator's settings of one tenant, if the file has any.
    package func tenant(_ slug: TenantSlug) -> TenantConfiguration? {
        tenants.first { $0.slug == slug }
    }

    /// Descriptors the process may need: clients, their upstream connections, and four files per open tenant.
    package var neededDescriptors: Int {
        connections.total + upstreams.reduce(0) { $0 + $1.maximumConnections } + 4 * maximumOpenTenants + 64
    }

    /// Whether a client of another machine could reach any listener.
    package var isExposed: Bool {
        listen.contains { !$0.isLoopback }
    }
}

extension GatewayConfiguration {
    /// Largest accepted request bodies, in bytes; beyond them 413 (`gateway.md §4`).
    package struct BodyLimits: Sendable, Equatable {
        /// Profile, registry and settings writes. Default 1 MiB.
        package var profiles = 1 << 20
        /// Chat and the OpenAI-compatible routes. Default 32 MiB.
        package var chat = 32 << 20
        /// Documents of whole registries. Default 16 MiB.
        package var imports = 16 << 20

        package init() {}
    }

    /// How long a client may take before its connection is closed.
    package struct Deadlines: Sendable, Equatable {
        /// From the first byte of a request to the end of its headers. Default 10 s.
        package var headers: Duration = .seconds(10)
        /// From the end of the headers to the end of the body. Default 30 s.
        package var body: Duration = .seconds(30)
        /// Between two requests of a kept-alive connection. Default 75 s.
        package var idle: Duration = .seconds(75)

        package init() {}
    }

    /// How many connections are held at once.
    package struct ConnectionLimits: Sendable, Equatable {
        /// All listeners together. Default 8192.
        package var total = 8192
        /// From one client address; trusted proxies are not counted. Default 1024.
        package var perAddress = 1024

        package init() {}
    }

    /// Limits of one tenant; `nil` = unlimited (`gateway.md §9`).
    package struct TenantLimits: Sendable, Equatable {
        package var requestsPerMinute: Int?
        package var tokensPerMinute: Int?
        package var concurrentChats: Int?

        package init() {}

        /// Whether any limit is set.
        package var isEmpty: Bool {
            requestsPerMinute == nil && tokensPerMinute == nil && concurrentChats == nil
        }
    }

    /// Backups of every tenant (`gateway.md §10`).
    package struct BackupConfiguration: Sendable, Equatable {
        /// When they are taken without being asked for; nil: never.
        package var schedule: CronSchedule?
        /// By how much each is put off at most, drawn anew, so that not all tenants are copied at once. Default 10 min.
        package var jitter: Duration = .seconds(600)
        /// How many are kept of each tenant. Default 14.
        package var keep: Int? = 14
        /// How old they get; nil: any age.
        package var maximumAge: Duration?
        /// Where they go, one directory per tenant below it; nil: beside the tenant's data.
        package var directory: String?

        package init() {}
    }

    /// What is logged, and how.
    package struct LogConfiguration: Sendable, Equatable {
        /// Least severe level that is written. Default `info`.
        package var level: LogLevel = .info
        /// Default `auto`: text on a terminal, else JSON lines.
        package var format: LogFormat = .auto

        package init() {}
    }
}
