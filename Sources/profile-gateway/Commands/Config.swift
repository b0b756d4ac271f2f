import ArgumentParser
import Gateway

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
                """)

        @OptionGroup var options: ConfigurationOptions

        func run() throws {
            let loaded = try ConfigurationOptions.load(options.flags)
            for warning in loaded.warnings {
                Output.error("warning: \(warning)")
            }
            Output.line("configuration ok (\(loaded.file ?? "no file"))")
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
