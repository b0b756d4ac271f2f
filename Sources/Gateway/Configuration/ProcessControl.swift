// How the outside steers a running process. Signals and flags stay in the executable: it turns them into these, so
// that a test can steer a gateway the same way without either.

/// A request to the running process.
package enum ProcessEvent: Sendable, Equatable {
    /// Drain and exit (SIGTERM, SIGINT). A second one means: do not wait for the grace period.
    case stop(reason: String)
    /// Read the configuration again (SIGHUP).
    case reload(reason: String)
}

/// What a running process is given beside its configuration.
package struct ProcessControl: Sendable {
    package let events: AsyncStream<ProcessEvent>
    /// Reads the configuration again with the flags and environment of the start. Blocks on files: not for a
    /// libmicrohttpd or transport thread.
    package let reload: @Sendable () throws(ConfigurationErrors) -> LoadedConfiguration
    /// Where the level can be changed and the log flushed.
    package let logSettings: LogSettings

    package init(
        events: AsyncStream<ProcessEvent>,
        reload: @escaping @Sendable () throws(ConfigurationErrors) -> LoadedConfiguration, logSettings: LogSettings
    ) {
        self.events = events
        self.reload = reload
        self.logSettings = logSettings
    }
}
