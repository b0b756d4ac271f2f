import ArgumentParser
import Gateway
import JSON

/// `profile-gateway version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version, and those of the libraries it runs on.",
        discussion: """
            EXAMPLES:
              profile-gateway version
              profile-gateway version --format json | jq -r .version
            """)

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run() {
        let libraries = GatewayVersion.libraries
        let document: JSONValue = [
            "version": .string(GatewayVersion.text),
            "libraries": .object(
                libraries.reduce(into: JSONObject()) { $0[$1.name] = .string($1.version) }),
        ]
        format.print(document) {
            (["profile-gateway \(GatewayVersion.text)"] + libraries.map { "\($0.name) \($0.version)" })
                .joined(separator: "\n")
        }
    }
}
