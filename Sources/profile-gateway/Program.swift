// Where the process begins: parse, run, turn errors into exit codes. Nothing here serves a request.

import ArgumentParser
import Gateway
import Glibc

@main
enum Program {
    /// Runs the command; in place of ArgumentParser's own, whose exit code for usage errors is 64.
    static func main() {
        ProcessPreparation.protectStandardDescriptors()
        // A client or pipe that goes away is an error of one write, never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try ProfileGateway.parseAsRoot()
            if let server = command as? any ServerCommandLine {
                serve(server.options.flags)
            }
            if let client = command as? any GatewayCommand {
                runToEnd(client)
            }
            try command.run()
        } catch {
            finish(error)
        }
    }

    /// Runs the gateway on the concurrency pool and waits for signals on the main thread, until the gateway ends.
    private static func serve(_ flags: ConfigurationFlags) -> Never {
        let signals = SignalEvents()
        let events = signals.stream
        // Detached: nothing may depend on the main thread, which never runs a job.
        Task.detached {
            do {
                try await ServerCommand.run(flags, events: events)
                Glibc.exit(ExitStatus.ok.rawValue)
            } catch {
                finish(error)
            }
        }
        signals.wait()
    }

    /// Runs the command on the concurrency pool; a signal ends the process as it ends any command.
    private static func runToEnd(_ command: some GatewayCommand) -> Never {
        Task.detached {
            do {
                try await command.runToEnd()
                Glibc.exit(ExitStatus.ok.rawValue)
            } catch {
                finish(error)
            }
        }
        while true { pause() }
    }

    /// Prints what there is to say and exits.
    private static func finish(_ error: any Error) -> Never {
        var error = error
        if let failure = error as? ClientFailure { error = CommandFailure(failure) }
        if let problems = error as? ConfigurationErrors { error = CommandFailure(problems) }
        if let failure = error as? CommandFailure {
            if let message = failure.message { Output.error(message) }
            Glibc.exit(failure.status.rawValue)
        }
        let code = ProfileGateway.exitCode(for: error)
        let message = ProfileGateway.fullMessage(for: error)
        if code == .success {
            Output.line(message)
            Glibc.exit(ExitStatus.ok.rawValue)
        }
        Output.error(message)
        Glibc.exit(code == .validationFailure ? ExitStatus.usage.rawValue : ExitStatus.failed.rawValue)
    }
}
