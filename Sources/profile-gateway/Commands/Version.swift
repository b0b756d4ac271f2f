import ArgumentParser
import Gateway

/// `profile-gateway version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version, and those of the libraries it runs on.",
        discussion: """
            EXAMPLES:
              profile-gateway version
            """)

    func run() {
        Output.line("profile-gateway \(GatewayVersion.text)")
        for library in GatewayVersion.libraries { Output.line("\(library.name) \(library.version)") }
    }
}
