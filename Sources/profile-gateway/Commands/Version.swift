import ArgumentParser
import Gateway

/// `profile-gateway version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version.",
        discussion: """
            EXAMPLES:
              profile-gateway version
            """)

    func run() {
        Output.line("profile-gateway \(GatewayVersion.text)")
    }
}
