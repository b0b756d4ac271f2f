import ArgumentParser
import Gateway
import JSON

/// `profile-gateway runbook`
struct Runbook: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runbook",
        abstract: "Print the operator's procedures with this installation's paths filled in.",
        discussion: """
            Start, check, back up, restore, check again, practise; and for each alarm what it means and what to do.
            Asks no server and opens no data: it also helps when neither is well.

            EXAMPLES:
              profile-gateway runbook
              profile-gateway runbook --tenant acme --config /etc/profile-gateway/gateway.yaml
              profile-gateway runbook --format json | jq '.alarms[] | select(.alarm | test("quarantined"))'
            """)

    @OptionGroup var client: ClientOptions

    @Option(name: .long, help: "table (Markdown), json or yaml.")
    var format: OutputFormat = .table

    func run() throws {
        let loaded = try ConfigurationOptions.loader().load(
            client.options(callsUpstreams: false).flags, readsSecrets: false)
        let place = try Installation(loaded.configuration, tenant: client.tenant)
        let text = RunbookText(place, options: Self.options(client))
        format.print(text.document) { text.markdown }
    }

    /// The options every command of the page needs to find the same data.
    private static func options(_ client: ClientOptions) -> String {
        let given = [
            ("--config", client.config), ("--data-dir", client.dataDir),
            ("--default-tenant", client.defaultTenant),
            ("--profile-registry-db", client.profileRegistryDb), ("--profile-registry-dsn", client.profileRegistryDsn),
        ]
        return given.compactMap { option, value in value.map { " \(option) \(ShellWord.quoted($0))" } }.joined()
    }
}

/// A word as a shell reads it.
enum ShellWord {
    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ","):
                true
            default: false
            }
        }
        return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
