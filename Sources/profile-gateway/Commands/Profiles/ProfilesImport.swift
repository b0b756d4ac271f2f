import ArgumentParser
import Gateway
import JSON

/// `profile-gateway profiles import`
struct ProfilesImport: ClientCommand {
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case merge, replace
    }

    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take in registries from a document: all of it, or nothing and every problem at once.",
        discussion: """
            Reads YAML and JSON: a bundle, one registry, or a legacy map of profiles. Registries that are missing are made.
            merge keeps profiles the document does not name; replace removes them from the registries it does name.

            EXAMPLES:
              profile-gateway profiles import profiles.yaml --dry-run
              profile-gateway profiles import shared.yaml --registry shared --mode replace
              ssh old-host cat profiles.json | profile-gateway profiles import -
            """)

    @OptionGroup var client: ClientOptions

    @Argument(help: ArgumentHelp("The document; - for standard input.", valueName: "file"))
    var file: String

    @Option(
        name: .long, help: ArgumentHelp("Only into this registry, which the document must hold.", valueName: "slug"))
    var registry: String?

    @Option(name: .long, help: "merge or replace.")
    var mode: Mode = .merge

    @Flag(name: .long, help: "Say what would happen, change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Read only what the origin reads since 2026-02-25: one registry with a slug.")
    var strict = false

    @Flag(name: .long, help: "Change profiles although their policy says read_only; the audit says so.")
    var overrideReadOnly = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func run(on gateway: GatewayClient) async throws {
        let bytes = try Descriptor.read(path: file)
        guard !bytes.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw ClientFailure(
                .failed,
                "\(file) is a SQLite database, not a document of registries: `restore --from` puts it in the place of a "
                    + "tenant's file, `serve --profile-registry-db` serves it where it is")
        }
        var request = ClientRequest(
            .post, ["api", "chat", "registries"] + [registry].compactMap { $0 } + ["import"],
            query: [
                ("mode", mode.rawValue), ("dry_run", dryRun ? "true" : nil), ("strict", strict ? "true" : nil),
            ], body: bytes)
        let first = bytes.first { !" \t\r\n".utf8.contains($0) }
        request.contentType = first == UInt8(ascii: "{") ? "application/json" : "application/yaml"
        if overrideReadOnly { request.headers.append(("X-Override-Read-Only", "true")) }
        let report: JSONValue
        do throws(ClientFailure) {
            report = try await gateway.send(request).value()
        } catch {
            throw Self.allProblems(of: error, in: file == "-" ? "standard input" : file)
        }
        format.print(report) { Self.text(report) }
    }

    /// What became of each registry; a report about one is that registry's.
    private static func text(_ report: JSONValue) -> String {
        let isDryRun = report["dry_run"]?.boolValue ?? false
        var lines = (report["registries"]?.arrayValue ?? [report]).map { registry -> String in
            let counts = ["created", "updated", "unchanged", "removed"].compactMap { outcome -> String? in
                let count = registry[outcome]?.arrayValue?.count ?? 0
                return count > 0 ? "\(count) \(outcome)" : nil
            }
            let profiles = counts.isEmpty ? "no profiles" : counts.joined(separator: ", ")
            return
                "\(registry.text("slug")): \(registry.text("outcome")), version \(registry.text("version")); \(profiles)"
        }
        if isDryRun { lines.append("a dry run: nothing was changed") }
        return lines.joined(separator: "\n")
    }

    /// The refusal with every problem on a line of its own, where it is in the document.
    private static func allProblems(of failure: ClientFailure, in name: String) -> ClientFailure {
        guard let errors = failure.problem?["errors"]?.arrayValue, !errors.isEmpty else { return failure }
        let lines = errors.map { error in
            let line = error.text("line")
            return "  \(name)\(line.isEmpty ? "" : ":\(line)"): \(error.text("message"))"
        }
        let count = errors.count == 1 ? "1 problem" : "\(errors.count) problems"
        return ClientFailure(
            failure.kind, "nothing was imported: \(count)\n" + lines.joined(separator: "\n"), problem: failure.problem)
    }
}
