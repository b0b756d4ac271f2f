import ArgumentParser
import Gateway

/// `profile-gateway profiles edit`
struct ProfilesEdit: GatewayCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Edit a profile in $VISUAL or $EDITOR, as YAML.",
        discussion: """
            Shows the change, asks, and writes it if the profile is still as it was read. If somebody changed it
            meanwhile, both changes are shown and you choose: keep yours on top of theirs, edit again, or leave. What you
            typed is never lost: it stays in a file that only you can read until it has been written.

            Where nobody can be asked, the change is written at once; a conflict is exit status 4.

            EXAMPLES:
              profile-gateway profiles edit agent
              EDITOR="code --wait" profile-gateway profiles edit shared/base
              EDITOR="sed -i s/brief/short/" profile-gateway profiles edit agent
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var profile: ProfileReference
    @OptionGroup var guarding: GuardOptions

    @Option(name: .long, help: "How the written profile is reported: table, json or yaml.")
    var format: OutputFormat = .table

    /// The gateway is asked anew each time: while the editor is open, a server may start, stop or start again, and
    /// nobody's data are held.
    func runToEnd() async throws {
        let session = EditSession(profile: profile, guarding: guarding) { request throws in
            try await withGateway { try await $0.send(request) }
        }
        guard let document = try await session.run() else { return Output.line("nothing changed") }
        WrittenProfile.report(document, "wrote", format: format)
    }
}
