// The named things a configuration holds: upstreams, tools, provider secrets, tenants.

package import JSON
package import Profiles
package import Tenants

/// The wire protocol an upstream speaks (`gateway.md §8`): what this version can speak, so that naming another one is an
/// error of the configuration.
package enum UpstreamAPI: String, Sendable, CaseIterable {
    case openai, echo
}

/// One place chat may go to.
package struct UpstreamConfiguration: Sendable {
    /// The operator's name for it: 1–64 characters of `[A-Za-z0-9._-]`.
    package var name: String
    package var api: UpstreamAPI
    /// Absolute `http` or `https` URL without query, fragment, user or trailing slash; `nil` only for `echo`.
    package var baseURL: String?
    /// Sent to this upstream and nobody else; `nil` = no credential is sent.
    package var apiKey: Secret?
    package var timeouts = Timeouts()
    /// Connections held to it at once. Default 256.
    package var maximumConnections = 256

    /// How long it may take.
    package struct Timeouts: Sendable, Equatable {
        /// Name look-up, TCP and TLS together. Default 10 s.
        package var connect: Duration = .seconds(10)
        /// From the request's last byte to the first byte of the answer. Default 120 s.
        package var firstByte: Duration = .seconds(120)
        /// Silence between two pieces of an answer. Default 120 s.
        package var idle: Duration = .seconds(120)
        /// The whole exchange. Default 600 s.
        package var total: Duration = .seconds(600)
    }

    /// The upstream of a configuration that names none: deterministic, no network.
    package static let builtInEcho = UpstreamConfiguration(name: "echo", api: .echo)
}

/// A tool the operator defines for profiles that list its name.
package struct ToolDefinition: Sendable, Equatable {
    /// 1–64 characters of `[A-Za-z0-9_-]`, as the providers demand.
    package var name: String
    package var description: String?
    /// JSON Schema of the arguments; `nil` = the tool takes none.
    package var parameters: JSONObject?
}

/// A provider credential that profiles name as `secret:<name>` (`gateway.md §9`).
package struct ProviderSecret: Sendable {
    package var name: String
    package var value: Secret
    /// Names of the upstreams it may be sent to; never empty.
    package var upstreams: [String]
    /// Tenants whose profiles may name it; empty = none of them.
    package var tenants: [TenantSlug]
}

/// What the file says about one tenant.
package struct TenantConfiguration: Sendable {
    package var slug: TenantSlug
    /// `nil` = the slug.
    package var displayName: String?
    /// What `/v1` does with a `model` that is no profile. Default: 404.
    package var unknownModel: UnknownModel = .reject
    /// `model` names of clients → `slug`, `registry/slug`, either with `@version`.
    package var modelAliases: [String: String] = [:]
    /// Files of registries mounted into the tenant to be read, lowest precedence first.
    package var sources: [RegistrySource] = []
    /// Whether a PATCH or DELETE without a precondition is 428. Default: no.
    package var requiresPreconditions = false
    /// Its own limits, in place of the general ones; `nil` = the general ones.
    package var limits: GatewayConfiguration.TenantLimits?

    package enum UnknownModel: String, Sendable, CaseIterable {
        case reject
        case `default`
    }
}
