import ArgumentParser
import Gateway
import JSON

/// `profile-gateway backups`
struct Backups: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "backups",
        abstract: "List a tenant's backups, newest first.",
        discussion: """
            EXAMPLES:
              profile-gateway backups
              profile-gateway backups --tenant acme --format json | jq -r '.[0].path'
            """)

    @OptionGroup var client: ClientOptions

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let tenant = try gateway.tenant
        let files = try await gateway.list(.admin(.get, ["tenants", tenant, "backups"]))
        format.print(.array(files)) {
            guard !files.isEmpty else { return "\(tenant) has no backup; `backup` makes one" }
            var table = Table(["BACKUP", "MADE", "SIZE", "REVISION", "PROFILES"])
            for file in files {
                table.add([
                    file.text("name"), Moment.text(milliseconds: file["created_at_ms"]), Amount.bytes(file["bytes"]),
                    file.text("revision"), file["rows"]?.text("profiles") ?? "",
                ])
            }
            return table.text
        }
    }
}
