// The command line's root: which commands there are.

import ArgumentParser
import Gateway

/// `profile-gateway`, and the same under the name `pinocchio` when called through a link of that name.
struct ProfileGateway: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: ProgramName.current,
            abstract: "Serve chat through named, versioned profiles; one SQLite file per tenant.",
            discussion: """
                EXAMPLES:
                  profile-gateway serve
                  profile-gateway web-chat --profile-registry-db ./data/profiles.db
                  profile-gateway profiles list
                  profile-gateway chat "Say hello"
                  profile-gateway verify --all
                  profile-gateway runbook

                EXIT CODES:
                  0 ok, 1 failed, 2 usage, 3 not found, 4 conflict
                """,
            version: GatewayVersion.text,
            subcommands: [
                Serve.self, WebChat.self, Profiles.self, Chat.self, Tenants.self, Backup.self, Backups.self,
                Restore.self, Verify.self, Drill.self, Runbook.self,
                Config.self, Version.self,
            ])
    }
}

/// The name the program was called by.
enum ProgramName {
    static var current: String {
        let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
        return name == "pinocchio" ? "pinocchio" : "profile-gateway"
    }
}
