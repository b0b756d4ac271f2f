import ArgumentParser
import Gateway
import JSON

/// `profile-gateway backup`
struct Backup: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Back up a tenant's files, or every tenant's, while they are in use.",
        discussion: """
            A backup is copied with SQLite's online backup, synchronised, checked, and only then has its name; older ones
            are pruned after that, if --keep or --max-age (or the configuration) says so.

            EXAMPLES:
              profile-gateway backup
              profile-gateway backup --all --keep 14 --max-age 30d
              profile-gateway backup --tenant acme --to /mnt/backups
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: TenantScope

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A directory for it, which gets one for each tenant. Default: backups/ beside the tenant's file",
            valueName: "directory"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("How many to keep.", valueName: "n"))
    var keep: Int?

    @Option(name: .long, help: ArgumentHelp("How old a kept one may be: 12h, 30d.", valueName: "age"))
    var maxAge: String?

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func validate() throws {
        try scope.check(against: client.tenant)
        if let keep, !(1...100_000).contains(keep) {
            throw ValidationError("--keep \(keep): give an integer from 1 to 100000")
        }
        if let to, to.isEmpty { throw ValidationError("--to is empty: give a directory") }
        if let maxAge {
            guard let age = Units.duration(maxAge), age > .zero else {
                throw ValidationError("--max-age \(maxAge): give a length of time such as 12h or 30d")
            }
        }
    }

    func run(on gateway: GatewayClient) async throws {
        var options = JSONObject()
        if let to { options["to"] = .string(AbsolutePath.of(to)) }
        if let keep { options["keep"] = .number(JSONNumber(keep)) }
        if let maxAge { options["max_age"] = .string(maxAge) }
        let body = options.isEmpty ? nil : JSONValue.object(options).encoded()
        let results = try await scope.ask(gateway, "backing up") { tenant in
            .admin(.post, ["tenants", tenant, "backups"], body: body)
        }
        try scope.report(results, format) { answers in
            answers.flatMap { tenant, answer in
                (answer["backups"]?.arrayValue ?? []).map { file in
                    "\(tenant): \(file.text("path"))  (\(Amount.bytes(file["bytes"])))"
                } + (answer["pruned"]?.arrayValue ?? []).map { "\(tenant): pruned \($0.stringValue ?? "")" }
            }.map { Terminal.printable($0) }.joined(separator: "\n")
        }
        // The data directory's own database belongs to no tenant; there may be none.
        if scope.all { _ = try await gateway.send(.admin(.post, ["backups"])) }
    }
}
