import Gateway
import Glibc
import Logging

/// A command that keeps running and is stopped by signals; `Program` runs it, not its own `run()`.
protocol ServerCommandLine {
    var options: ConfigurationOptions { get }
}

/// What `serve` and `web-chat` do: prepare the process, then hand over to the gateway.
enum ServerCommand {
    /// Returns when the gateway has stopped in good order; the signals must be blocked already.
    static func run(_ flags: ConfigurationFlags, events: AsyncStream<ProcessEvent>) async throws {
        ProcessPreparation.restrictFileModes()
        let loaded = try ConfigurationOptions.load(flags)
        let settings = LogSettings.standardError(loaded.configuration.log)
        defer { settings.output.flush() }
        let log = settings.logger()
        for warning in loaded.warnings {
            log.warning("configuration: \(warning)")
        }
        ProcessPreparation.raiseDescriptorLimit(needed: loaded.configuration.neededDescriptors, log: log)

        let loader = ConfigurationOptions.loader()
        do {
            let control = ProcessControl(
                events: events,
                reload: { () throws(ConfigurationErrors) in try loader.load(flags) },
                logSettings: settings)
            try await GatewayProcess.run(loaded.configuration, control: control, log: log)
        } catch {
            log.critical("\(error)")
            throw CommandFailure(message: nil, status: .failed)
        }
    }
}
