import ArgumentParser
import Gateway
import JSON

/// `profile-gateway backups`
struct Backups: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "backups",
        abstract: "List a tenant's backups, newest first.",
        discussion: """
            --schedule shows instead when backups are taken by themselves, how the last run went, whose fail, and whose
            are overdue: the newest is older than the schedule allows, or dated ahead of the clock, or there is none.

            EXAMPLES:
              profile-gateway backups
              profile-gateway backups --schedule
              profile-gateway backups --tenant acme --format json | jq -r '.[0].path'
            """)

    @OptionGroup var client: ClientOptions

    @Flag(name: .long, help: "When all tenants' backups are taken, and how that goes.")
    var schedule = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func validate() throws {
        if schedule, client.tenant != nil {
            throw ValidationError("--schedule is about all tenants: leave out --tenant")
        }
    }

    func run(on gateway: GatewayClient) async throws {
        if schedule {
            let state = try await gateway.send(.admin(.get, ["backups"])).value()
            return format.print(state) { Self.text(state) }
        }
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

    private static func text(_ state: JSONValue) -> String {
        guard let schedule = state["schedule"]?.stringValue else {
            return "no backups are scheduled; set `backups.schedule` in the configuration"
        }
        let next = Moment.text(milliseconds: state["next_run_at_ms"])
        var lines = [
            "schedule  \(schedule) (UTC)",
            "next run  " + (next.isEmpty ? "none: no server runs" : next),
        ]
        if let run = state["last_run"], run.objectValue != nil {
            let end = Moment.text(milliseconds: run["finished_at_ms"])
            lines.append(
                "last run  \(Moment.text(milliseconds: run["started_at_ms"])), "
                    + (end.isEmpty ? "under way" : "\(run.text("succeeded")) made, \(run.text("failed")) failed"))
        } else {
            lines.append("last run  none since the start")
        }
        for failure in state["failing"]?.arrayValue ?? [] {
            lines.append(
                "✗ \(failure.text("tenant")) since \(Moment.text(milliseconds: failure["failed_at_ms"])): "
                    + failure.text("error"))
        }
        for late in state["overdue"]?.arrayValue ?? [] {
            let newest = late["backup"]?.stringValue.map {
                "the newest, \($0), was made \(Moment.text(milliseconds: late["backup_created_at_ms"]))"
            }
            lines.append(
                "! \(late.text("tenant")) is overdue: \(late["error"]?.stringValue ?? newest ?? "there is none")")
        }
        return lines.map { Terminal.printable($0) }.joined(separator: "\n")
    }
}
