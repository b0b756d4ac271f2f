// Options of the commands that ask the gateway, and how such a command runs.

import ArgumentParser
import Gateway
import Logging

/// Where the data are, or the server that owns them, and whose data are meant.
struct ClientOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Configuration file. Default: config/gateway.yaml if present.", valueName: "path"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("Directory of all tenants' files. Default: ./data", valueName: "path"))
    var dataDir: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Registry file of the default tenant, where it lies elsewhere.", valueName: "path"))
    var profileRegistryDb: String?

    @Option(name: .long, help: ArgumentHelp("The same as a DSN.", valueName: "dsn"))
    var profileRegistryDsn: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Whose the registry file is, and who is meant without --tenant. Default: default", valueName: "tenant"))
    var defaultTenant: String?

    @Option(
        name: .long, help: ArgumentHelp("Whose data. Default: the configuration's default tenant.", valueName: "slug"))
    var tenant: String?

    /// - Parameter callsUpstreams: the command may call model providers.
    func options(callsUpstreams: Bool) -> GatewayClient.Options {
        var options = GatewayClient.Options()
        options.flags.configPath = config
        options.flags.dataDirectory = dataDir
        options.flags.defaultTenant = defaultTenant
        options.flags.profileRegistryDB = profileRegistryDb
        options.flags.profileRegistryDSN = profileRegistryDsn
        options.tenant = tenant
        options.callsUpstreams = callsUpstreams
        return options
    }
}

/// A command that asks the gateway: the running server, or the data themselves when none runs; `Program` runs it.
protocol GatewayCommand: ParsableCommand, Sendable {
    var client: ClientOptions { get }
    /// Whether the command may call model providers.
    static var callsUpstreams: Bool { get }

    func runToEnd() async throws
}

/// A command that asks one gateway, found at its beginning.
protocol ClientCommand: GatewayCommand {
    func run(on gateway: GatewayClient) async throws
}

extension ClientCommand {
    func runToEnd() async throws { try await withGateway { try await run(on: $0) } }
}

extension GatewayCommand {
    static var callsUpstreams: Bool { false }

    /// Finds the gateway, and lets go of it however `body` ends.
    func withGateway<Result>(_ body: (GatewayClient) async throws -> Result) async throws -> Result {
        ProcessPreparation.restrictFileModes()
        ProcessPreparation.raiseDescriptorLimit(needed: 0, log: Logger(label: "gateway"))
        let gateway = try await GatewayClient.open(
            client.options(callsUpstreams: Self.callsUpstreams), loader: ConfigurationOptions.loader())
        do {
            let result = try await body(gateway)
            await gateway.close()
            return result
        } catch {
            await gateway.close()
            throw error
        }
    }
}

extension CommandFailure {
    init(_ failure: ClientFailure) {
        let status: ExitStatus =
            switch failure.kind {
            case .failed: .failed
            case .usage: .usage
            case .notFound: .notFound
            case .conflict: .conflict
            }
        self.init(message: Terminal.printable("Error: \(failure.message)"), status: status)
    }
}
