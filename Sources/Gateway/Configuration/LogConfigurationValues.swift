// Names of log levels and formats as the configuration writes them; GatewayLogHandler maps them to swift-log.

/// Severity below which nothing is logged.
package enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

/// Shape of a log line.
package enum LogFormat: String, Sendable, CaseIterable {
    /// Text when the log goes to a terminal, else JSON lines.
    case auto
    case json
    case text
}
