import ArgumentParser
import Gateway
import Glibc

/// `profile-gateway profiles export`
struct ProfilesExport: ClientCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case yaml, json
        case originYAML = "origin-yaml"
        case originSQLite = "origin-sqlite"
    }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write registries with all their profiles as a document.",
        discussion: """
            Without --registry: all registries of the tenant, as a bundle. `profiles import` reads YAML and JSON back
            without loss. origin-yaml (one registry) and origin-sqlite are for programs of the origin; the latter holds
            literal provider keys as they are.

            EXAMPLES:
              profile-gateway profiles export --to profiles.yaml
              profile-gateway profiles export --registry shared --format json | jq '.profiles | keys'
              profile-gateway profiles export --format origin-sqlite --to origin.db
            """)

    @OptionGroup var client: ClientOptions

    @Option(name: .long, help: ArgumentHelp("Only this registry.", valueName: "slug"))
    var registry: String?

    @Option(name: .long, help: "yaml, json, origin-yaml or origin-sqlite.")
    var format: Format = .yaml

    @Option(name: .long, help: ArgumentHelp("A file for it. Default: standard output", valueName: "path"))
    var to: String?

    @Flag(name: .long, help: "Replace the file of --to if it is there.")
    var force = false

    func validate() throws {
        if format == .originSQLite, registry != nil {
            throw ValidationError("origin-sqlite holds all registries of the tenant: leave out --registry")
        }
        if format == .originSQLite, to == nil, isatty(STDOUT_FILENO) == 1 {
            throw ValidationError("origin-sqlite is no text: name a file with --to")
        }
    }

    func run(on gateway: GatewayClient) async throws {
        let query: [(name: String, value: String?)] = [("format", format.rawValue)]
        let request: ClientRequest
        if format == .originSQLite {
            request = .admin(.get, ["tenants", try gateway.tenant, "registries", "export"], query: query)
        } else {
            request = ClientRequest(
                .get, ["api", "chat", "registries"] + [registry].compactMap { $0 } + ["export"], query: query)
        }
        let bytes = try await gateway.send(request).body
        guard let to else { return Output.bytes(bytes) }
        try OutputFile.write(bytes, to: to, replaces: force)
        Output.line("wrote \(to)")
    }
}
