import ArgumentParser
import Gateway
import JSON

/// `profile-gateway verify`
struct Verify: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Look whether a tenant's files, profiles, history and backups are well, and say what to do.",
        discussion: """
            ✓ is well, ! wants to be looked at, ✗ is not well; what to do stands below. The status is 0 when nothing is
            ✗. --deep also tries the runbook's step 5 on a temporary copy: list, stale change, chat by profile and by
            registry. With --all only tenants with something to look at are shown.

            EXAMPLES:
              profile-gateway verify
              profile-gateway verify --tenant acme --deep
              profile-gateway verify --all --format json | jq '.[] | select(.status != "ok")'
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: TenantScope

    @Flag(name: .long, help: "Also try reads, a stale change and chats on a copy.")
    var deep = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func validate() throws { try scope.check(against: client.tenant) }

    func run(on gateway: GatewayClient) async throws {
        let query: [(name: String, value: String?)] = [("deep", deep ? "true" : nil)]
        let results = try await scope.ask(gateway, "verifying", atOnce: 4) { tenant in
            .admin(.get, ["tenants", tenant, "verify"], query: query)
        }
        try scope.report(results, format) { answers in
            var lines: [String] = []
            for (tenant, answer) in answers {
                let report = HealthReport(answer["checks"])
                let problems = report.lines(onlyProblems: scope.all)
                if scope.all, problems.isEmpty { continue }
                lines.append(Style.heading("\(tenant)") + ": \(HealthReport.summary([report]))")
                lines += problems
            }
            if scope.all { lines.append(Self.summary(answers.map(\.answer))) }
            return lines.joined(separator: "\n")
        }
        try HealthReport.requireHealth(results)
    }

    private static func summary(_ answers: [JSONValue]) -> String {
        let failed = answers.count { $0["status"]?.stringValue == "failed" }
        let warned = answers.count { $0["status"]?.stringValue == "warning" }
        return
            "\(answers.count) tenants: \(answers.count - failed - warned) well, \(warned) with warnings, \(failed) not well"
    }
}

extension HealthReport {
    /// `12 checks: 11 ✓, 1 !`.
    static func summary(_ reports: [HealthReport]) -> String {
        let counts = [("ok", "✓"), ("warning", "!"), ("failed", "✗")].compactMap { status, mark -> String? in
            let count = reports.reduce(0) { $0 + $1.count(status) }
            return count > 0 ? "\(count) \(mark)" : nil
        }
        return counts.isEmpty ? "nothing checked" : counts.joined(separator: ", ")
    }

    /// - Throws: `ClientFailure` when something is not well; what it is has been printed.
    static func requireHealth(_ results: [TenantScope.Result]) throws(ClientFailure) {
        let ill = results.filter { $0.document["status"]?.stringValue == "failed" }
        guard !ill.isEmpty else { return }
        throw ClientFailure(.failed, "not well: " + ill.map(\.tenant).joined(separator: ", "))
    }
}
