// The composition root: configuration in, running process out.

internal import Dispatch
internal import Glibc
internal import HTTPClient
internal import HTTPServer
package import Logging
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

/// One gateway process from start to exit.
package enum GatewayProcess {
    /// Serves until a stop event arrives, then drains, closes every file and returns (`gateway.md §2`).
    ///
    /// - Throws: what keeps the process from starting: a data directory that is unsafe or owned by another process, an
    ///   address that is taken, an upstream that cannot be used. Nothing is left behind then.
    package static func run(_ configuration: GatewayConfiguration, control: ProcessControl, log: Logger) async throws {
        let composition = try Composition(configuration, log: log)
        let tenants = composition.tenants
        let server = Server(serverConfiguration(configuration), responder: composition.gateway) { level, message in
            log.log(level: Logger.Level(level), "\(message)")
        }
        do {
            let addresses = try server.start()
            var owner = composition.owner
            owner.url = LocalURL(bestOf: addresses.map(\.address))?.description
            try tenants.publish(owner)
            try await openAtStart(configuration, tenants, log)
            composition.scheduler.start()
            if configuration.backups.schedule != nil { composition.overdue.start() }
            warnOfSettingsWithoutEffect(configuration, log)
            for address in addresses { log.notice("listening", metadata: ["address": "\(address)"]) }
        } catch {
            await close(server, composition)
            throw error
        }
        await serve(until: control, server, grace: configuration.shutdownGrace, log)
        await close(server, composition)
        log.notice("stopped")
    }

    /// Waits for a stop event and drains; a second one ends the grace at once.
    private static func serve(
        until control: ProcessControl, _ server: Server, grace: Duration, _ log: Logger
    ) async {
        await waitForStop(control.events, log)
        let drain = Task.detached { await server.drain(grace: grace) }
        let impatience = Task.detached {
            await waitForStop(control.events, log)
            drain.cancel()
        }
        await drain.value
        impatience.cancel()
    }

    private static func waitForStop(_ events: AsyncStream<ProcessEvent>, _ log: Logger) async {
        for await event in events {
            switch event {
            case .stop(let reason):
                log.notice("stopping", metadata: ["reason": "\(reason)"])
                return
            case .reload(let reason):
                log.warning(
                    "reloading is not available in this version; restart to apply a changed configuration",
                    metadata: ["reason": "\(reason)"])
            }
        }
    }

    private static func close(_ server: Server, _ composition: Composition) async {
        // Stopping joins threads, which must not be one of the cooperative ones.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                server.stop()
                continuation.resume()
            }
        }
        await composition.close()
    }

    /// Says which settings are read and checked but not yet obeyed, so that nobody relies on them.
    private static func warnOfSettingsWithoutEffect(_ configuration: GatewayConfiguration, _ log: Logger) {
        var keys: [String] = []
        if !configuration.limits.isEmpty { keys.append("limits") }
        for tenant in configuration.tenants where tenant.limits != nil { keys.append("tenants.\(tenant.slug).limits") }
        let standard = UpstreamConfiguration.builtInEcho.maximumConnections
        for upstream in configuration.upstreams where upstream.maximumConnections != standard {
            keys.append("upstreams.\(upstream.name).max_connections")
        }
        for key in keys { log.warning("this setting has no effect in this version", metadata: ["key": "\(key)"]) }
    }

    private static func serverConfiguration(_ configuration: GatewayConfiguration) -> ServerConfiguration {
        var server = ServerConfiguration(listen: configuration.listen, threads: configuration.threads)
        server.maximumConnections = configuration.connections.total
        server.maximumConnectionsPerAddress = configuration.connections.perAddress
        server.uncountedPeers = configuration.trustedProxies
        server.headTimeout = configuration.deadlines.headers
        server.bodyTimeout = configuration.deadlines.body
        server.idleTimeout = configuration.deadlines.idle
        server.takesEncodedSlash = Routes.takesEncodedSlash
        return server
    }

    /// Opens the tenants the operator named, so that their files exist and what is wrong with one is said at start.
    ///
    /// One tenant's broken file is no other tenant's business (`gateway.md §6`): it is tried again when it is asked for.
    ///
    /// - Throws: `RegistryError` when the only tenant cannot be opened: nobody could be served.
    private static func openAtStart(
        _ configuration: GatewayConfiguration, _ tenants: TenantDirectory, _ log: Logger
    ) async throws {
        func report(_ slug: TenantSlug, _ error: RegistryError) {
            log.error("tenant cannot serve", metadata: ["tenant": "\(slug)", "reason": "\(error.message)"])
        }
        for slug in Set(configuration.tenants.map(\.slug) + [configuration.defaultTenant].compactMap { $0 }).sorted() {
            do throws(RegistryError) {
                let tenant = try await tenants.open(slug)
                if case .quarantined(let error) = tenant.state { report(slug, error) }
            } catch {
                guard tenants.slugs != [slug] else { throw error }
                report(slug, error)
            }
        }
    }
}

extension Logger.Level {
    init(_ level: ServerLogLevel) {
        switch level {
        case .debug: self = .debug
        case .warning: self = .warning
        case .error: self = .error
        }
    }

    init(_ level: TenantEvent.Level) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
