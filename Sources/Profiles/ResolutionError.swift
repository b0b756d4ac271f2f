/// Why a request has no effective runtime.
package enum ResolutionError: Error, Sendable, Equatable, CustomStringConvertible {
    case registryNotFound(RegistrySlug)
    case profileNotFound(ProfileID)
    /// A malformed override (400), or stored content that cannot be resolved.
    case validation(ValidationError)
    /// Something the profile's policy forbids (403).
    case policy(PolicyViolation)

    package var description: String {
        switch self {
        case .registryNotFound(let slug): "registry not found: \(slug)"
        case .profileNotFound(let id): "profile not found: \(id.profile)"
        case .validation(let error): error.description
        case .policy(let violation): violation.description
        }
    }
}

/// What a profile's policy forbids; its text is the origin's `policy violation for profile "<slug>": <reason>`.
package struct PolicyViolation: Error, Sendable, Equatable, CustomStringConvertible {
    package let profile: ProfileSlug
    /// The part of the request that is refused, as in `request_overrides.tools`; nil for a write to the profile.
    package let field: String?
    package let reason: String

    package init(profile: ProfileSlug, field: String? = nil, reason: String) {
        self.profile = profile
        self.field = field
        self.reason = reason
    }

    /// A write to a profile whose policy says `read_only`.
    package static func readOnly(_ profile: ProfileSlug) -> PolicyViolation {
        PolicyViolation(profile: profile, reason: "profile is read-only")
    }

    package var description: String { "policy violation for profile \"\(profile)\": \(reason)" }
}
