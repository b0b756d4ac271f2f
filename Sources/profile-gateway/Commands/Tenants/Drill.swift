import ArgumentParser
import Gateway
import JSON

/// `profile-gateway drill`
struct Drill: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Practise recovery: restore the newest backup into a scratch tenant and look whether it serves.",
        discussion: """
            The tenant itself is not touched. Reports how long it took until the backup answered, and removes the scratch
            tenant.

            EXAMPLES:
              profile-gateway drill --tenant acme
              profile-gateway drill --all --format json | jq 'map({tenant, status, recovered_in_ms})'
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: TenantScope

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func validate() throws { try scope.check(against: client.tenant) }

    func run(on gateway: GatewayClient) async throws {
        let results = try await scope.ask(gateway, "practising", atOnce: 1) { tenant in
            .admin(.post, ["tenants", tenant, "drill"])
        }
        try scope.report(results, format) { answers in
            answers.flatMap { tenant, answer in
                let report = HealthReport(answer["checks"])
                let time = Amount.milliseconds(answer["recovered_in_ms"])
                let outcome = time.isEmpty ? "does not serve" : "serves after \(time)"
                let title = "\(tenant): \(answer.text("backup")) \(outcome)"
                return [Style.heading(Terminal.printable(title))] + report.lines(onlyProblems: scope.all)
            }.joined(separator: "\n")
        }
        try HealthReport.requireHealth(results)
    }
}
