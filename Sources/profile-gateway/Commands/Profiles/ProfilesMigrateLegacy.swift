import ArgumentParser
import Bundles
import Glibc
import JSON
import Profiles

/// `profile-gateway profiles migrate-legacy`
struct ProfilesMigrateLegacy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate-legacy",
        abstract: "Turn a profiles.yaml from before there were registries into a bundle.",
        discussion: """
            Reads and writes files only; no gateway is asked. `profiles import` takes the result.

            EXAMPLES:
              profile-gateway profiles migrate-legacy --input profiles.yaml --dry-run
              profile-gateway profiles migrate-legacy --input profiles.yaml --output team.yaml --registry team
              profile-gateway profiles migrate-legacy --input profiles.yaml --in-place
              profile-gateway profiles migrate-legacy --input profiles.yaml --format json | jq -r .output
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The file to convert. Default: pinocchio/profiles.yaml in the user's configuration directory.",
            valueName: "path"))
    var input: String?

    @Option(name: .long, help: ArgumentHelp("Where to write. Default: <input>.registry.yaml", valueName: "path"))
    var output: String?

    @Option(name: .long, help: ArgumentHelp("The registry a legacy map becomes.", valueName: "slug"))
    var registry = "default"

    @Flag(name: .long, help: "Write the result in the input's place.")
    var inPlace = false

    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "With --in-place, keep the input as <input>.bak.<time>, readable by you alone.")
    var backupInPlace = true

    @Flag(name: .long, help: "Overwrite an output that is there.")
    var force = false

    @Flag(name: .long, help: "Print the result and write nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Do nothing, successfully, when the input has registries already.")
    var skipIfNotLegacy = false

    @Option(name: .long, help: "table, json or yaml.")
    var format: OutputFormat = .table

    func validate() throws {
        guard RegistrySlug(registry) != nil else {
            throw ValidationError("--registry \(registry.debugDescription) is no valid slug")
        }
        if inPlace && output != nil { throw ValidationError("--in-place and --output exclude each other") }
    }

    func run() throws {
        var options = LegacyMigration.Options(input: input ?? Self.defaultInput)
        options.output = output
        options.registry = RegistrySlug(registry) ?? .default
        options.inPlace = inPlace
        options.backsUpInPlace = backupInPlace
        options.force = force
        options.isDryRun = dryRun
        options.skipsIfNotLegacy = skipIfNotLegacy
        do throws(LegacyMigration.Failure) {
            let outcome = try LegacyMigration(options, timestamp: Self.timestamp()).run()
            if dryRun, format == .table, let text = outcome.text {
                Output.bytes(text)
            } else {
                format.print(Self.document(outcome, isDryRun: dryRun)) { outcome.report }
            }
        } catch {
            throw CommandFailure(message: "Error: \(error)", status: .failed)
        }
    }

    private static func document(_ outcome: LegacyMigration.Outcome, isDryRun: Bool) -> JSONValue {
        func name(_ path: String?) -> JSONValue { path.map { .string($0) } ?? .null }
        var document: JSONObject = [
            "input": .string(outcome.input), "input_format": .string(outcome.format.rawValue),
            "output": name(outcome.output), "backup": name(outcome.backup),
            "registries": .number(JSONNumber(outcome.registries)), "profiles": .number(JSONNumber(outcome.profiles)),
        ]
        if isDryRun { document["bundle"] = name(outcome.text.map { String(decoding: $0, as: UTF8.self) }) }
        return .object(document)
    }

    /// `${XDG_CONFIG_HOME:-~/.config}/pinocchio/profiles.yaml`
    private static var defaultInput: String {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        let directory = variable("XDG_CONFIG_HOME") ?? (variable("HOME") ?? "") + "/.config"
        return directory + "/pinocchio/profiles.yaml"
    }

    /// `YYYYmmdd-HHMMSS`, local time, as the runbook names backups.
    private static func timestamp() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y%m%d-%H%M%S", &parts)
        return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
