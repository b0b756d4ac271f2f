import ArgumentParser
import Gateway
import JSON

/// `profile-gateway config check|show`
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check the configuration, or show it with where each value came from.",
        subcommands: [Check.self, Show.self])

    /// Loads everything as `serve` would, opens nothing.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report every problem of the configuration, with file, line and key.",
            discussion: """
                EXAMPLES:
                  profile-gateway config check
                  profile-gateway config check --config /etc/profile-gateway/gateway.yaml
                  profile-gateway config check --format json | jq -r '.problems[].message'
                """)

        @OptionGroup var options: ConfigurationOptions

        @Option(name: .long, help: "table, json or yaml.")
        var format: OutputFormat = .table

        func run() throws {
            let loaded: LoadedConfiguration
            do { loaded = try ConfigurationOptions.loader().load(options.flags) } catch {
                if format != .table { format.print(Self.document(problems: error.problems)) { "" } }
                throw CommandFailure(error)
            }
            for warning in loaded.warnings {
                Output.error("warning: \(warning)")
            }
            format.print(Self.document(file: loaded.file, warnings: loaded.warnings)) {
                "configuration ok (\(loaded.file ?? "no file"))"
            }
        }

        private static func document(
            file: String? = nil, problems: [ConfigurationProblem] = [], warnings: [ConfigurationProblem] = []
        ) -> JSONValue {
            func list(_ found: [ConfigurationProblem]) -> JSONValue {
                .array(
                    found.map { problem in
                        [
                            "source": .string(problem.origin.description),
                            "key": problem.key.map { .string($0) } ?? .null, "message": .string(problem.reason),
                        ]
                    })
            }
            return [
                "ok": .bool(problems.isEmpty), "file": file.map { .string($0) } ?? .null,
                "problems": list(problems), "warnings": list(warnings),
            ]
        }
    }

    /// Prints the effective values.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every setting with its value and source; secrets are masked.",
            discussion: """
                EXAMPLES:
                  profile-gateway config show
                  profile-gateway config show --format json | jq '.[] | select(.source != "default")'
                """)

        @OptionGroup var options: ConfigurationOptions

        @Option(name: .long, help: "table, json or yaml.")
        var format: OutputFormat = .table

        func run() throws {
            let loaded = try ConfigurationOptions.load(options.flags)
            for warning in loaded.warnings {
                Output.error("warning: \(warning)")
            }
            switch format {
            case .table: Output.line(loaded.report.table())
            case .json: Output.line(loaded.report.json())
            case .yaml: Output.line(loaded.report.yaml())
            }
        }
    }
}
