// The composition root: configuration in, running process out.

package import Logging

/// One gateway process from start to exit.
package enum GatewayProcess {
    /// Runs until a stop event arrives and everything is closed.
    package static func run(_ configuration: GatewayConfiguration, control: ProcessControl, log: Logger) async throws {
        for await event in control.events {
            guard case .stop(let reason) = event else { continue }
            log.info("stopping", metadata: ["reason": "\(reason)"])
            return
        }
    }
}
