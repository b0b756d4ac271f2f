import ArgumentParser
import Gateway
import JSON

/// `profile-gateway restore`
struct Restore: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup in the place of a tenant's file, also while the server runs.",
        discussion: """
            The backup is checked first; then the old file is moved aside, the new one renamed in and the checks of the
            runbook's step 5 run. If one fails the old file is put back. Only this tenant's requests wait meanwhile.
            On a terminal it shows what it found and asks first.

            Only the registry file (profiles.db) is put back. conversations.db and control.db stay as they are;
            docs/backup.md says how to put back a backup of those.

            --from is the name of a backup as `backups` lists it, or a path (./FILE for one in this directory).

            EXAMPLES:
              profile-gateway restore --tenant acme --from profiles.db.bak.20260223-220000 --dry-run
              profile-gateway restore --from /mnt/backups/default/profiles.db.bak.20260223-220000 --yes
            """)

    @OptionGroup var client: ClientOptions

    @Option(name: .long, help: ArgumentHelp("The backup: its name, or a path.", valueName: "backup"))
    var from: String

    @Flag(name: .long, help: "Check it, change nothing.")
    var dryRun = false

    @Flag(name: [.long, .short], help: "Do not ask.")
    var yes = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let tenant = try gateway.tenant
        if !dryRun, !yes, Question.canAsk {
            Output.error(Self.text(try await ask(gateway, tenant, isDryRun: true)))
            try Question.confirm("Replace the data of \(tenant) with this?", assumingYes: false)
        }
        let report = try await ask(gateway, tenant, isDryRun: dryRun)
        format.print(report) { Self.text(report) }
        if HealthReport(report["checks"]).isFailed { throw ClientFailure(.failed, "not every check is well") }
    }

    private func ask(
        _ gateway: GatewayClient, _ tenant: String, isDryRun: Bool
    ) async throws(ClientFailure) -> JSONValue {
        let body: JSONValue = [
            "from": .string(from.contains("/") ? AbsolutePath.of(from) : from), "dry_run": .bool(isDryRun),
        ]
        return try await gateway.send(.admin(.post, ["tenants", tenant, "restore"], body: body.encoded())).value()
    }

    private static func text(_ report: JSONValue) -> String {
        let content =
            "\(report.text("registries")) registries, \(report.text("profiles")) profiles, "
            + "revision \(report.text("revision")), \(Amount.bytes(report["bytes"]))"
        let isDone = report["restored"]?.boolValue ?? false
        let title =
            isDone
            ? "restored \(report.text("tenant")) from \(report.text("from"))"
            : "\(report.text("from")) can be restored; nothing was changed"
        var lines = [Style.heading(Terminal.printable(title)), "  " + content]
        lines += HealthReport(report["checks"]).lines()
        for kept in report["kept"]?.arrayValue ?? [] {
            lines.append(Terminal.printable("the old file is kept as \(kept.stringValue ?? "")"))
        }
        if isDone {
            lines.append("only the registry file was replaced; conversations.db and control.db are as they were")
            lines.append(
                "\(report.text("tenant")) was not available for \(Amount.milliseconds(report["unavailable_ms"]))")
        }
        return lines.joined(separator: "\n")
    }
}
