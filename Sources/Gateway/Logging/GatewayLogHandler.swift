// swift-log's handler for the gateway: one line per event, JSON or text, to one LogOutput. The level is shared by all
// loggers of the process, so that a reload changes it everywhere at once. Keys are gateway.md §9's; values are
// escaped, so that no request can forge a line or move a terminal's cursor.

internal import Glibc
package import Logging
internal import Synchronization

/// Level and output shared by every logger of the process.
package final class LogSettings: Sendable {
    package let output: LogOutput
    /// Whether lines are JSON; decided once, for a log that changes its form half way is of no use.
    package let writesJSON: Bool
    private let storedLevel: Atomic<Int>

    package init(_ configuration: GatewayConfiguration.LogConfiguration, isTerminal: Bool, output: LogOutput) {
        self.output = output
        writesJSON = configuration.format.writesJSON(isTerminal: isTerminal)
        storedLevel = Atomic(configuration.level.order)
    }

    /// Settings that write to standard error.
    package static func standardError(_ configuration: GatewayConfiguration.LogConfiguration) -> LogSettings {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let output = LogOutput(descriptor: STDERR_FILENO) { dropped in
            let line = LogLine(
                time: .now(), level: .warning, message: "log lines were dropped: standard error does not keep up",
                metadata: ["dropped": .stringConvertible(dropped)])
            return configuration.format.writesJSON(isTerminal: isTerminal) ? line.json() : line.text()
        }
        return LogSettings(configuration, isTerminal: isTerminal, output: output)
    }

    /// Least severe level that is written; may be changed at any time, from any thread.
    package var level: LogLevel {
        get { LogLevel.allCases[storedLevel.load(ordering: .relaxed)] }
        set { storedLevel.store(newValue.order, ordering: .relaxed) }
    }

    /// A logger that writes here.
    package func logger(label: String = "gateway") -> Logger {
        Logger(label: label) { _ in GatewayLogHandler(settings: self) }
    }
}

/// Writes events as lines.
package struct GatewayLogHandler: LogHandler {
    private let settings: LogSettings
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    package init(settings: LogSettings) {
        self.settings = settings
    }

    /// The process's level; setting it on one logger changes all of them, as a reload does.
    package var logLevel: Logger.Level {
        get { settings.level.loggerLevel }
        set { settings.level = LogLevel(newValue) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() {
            merged.merge(provided) { _, new in new }
        }
        if let explicit = event.metadata {
            merged.merge(explicit) { _, new in new }
        }
        if let error = event.error { merged["error"] = "\(error)" }
        let line = LogLine(
            time: .now(), level: LogLevel(event.level), message: "\(event.message)", metadata: merged)
        settings.output.append(settings.writesJSON ? line.json() : line.text())
    }
}

extension LogFormat {
    /// Whether lines are JSON.
    package func writesJSON(isTerminal: Bool) -> Bool {
        switch self {
        case .json: true
        case .text: false
        case .auto: !isTerminal
        }
    }
}

extension LogLevel {
    fileprivate init(_ level: Logger.Level) {
        self = LogLevel(rawValue: level.rawValue) ?? .critical
    }

    fileprivate var loggerLevel: Logger.Level {
        Logger.Level(rawValue: rawValue) ?? .info
    }

    fileprivate var order: Int {
        Self.allCases.firstIndex(of: self) ?? 0
    }
}
