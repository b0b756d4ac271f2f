/// The product's version, as `version`, `/version` and `Server` tell it.
package enum GatewayVersion {
    package static let text = "0.1.0"
}
