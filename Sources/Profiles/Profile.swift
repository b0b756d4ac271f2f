package import JSON

/// A named, versioned runtime preset.
package struct Profile: Sendable, Equatable {
    package var slug: ProfileSlug
    package var displayName: String
    package var description: String
    /// The profiles this one is layered on, lowest first.
    package var stack: [ProfileReference]
    package var runtime: RuntimeSpec
    package var policy: OverridePolicy
    package var metadata: ProfileMetadata
    /// Canonical extension key → any JSON.
    package var extensions: JSONObject

    package init(
        slug: ProfileSlug, displayName: String = "", description: String = "", stack: [ProfileReference] = [],
        runtime: RuntimeSpec = RuntimeSpec(), policy: OverridePolicy = OverridePolicy(),
        metadata: ProfileMetadata = ProfileMetadata(), extensions: JSONObject = [:]
    ) {
        self.slug = slug
        self.displayName = displayName
        self.description = description
        self.stack = stack
        self.runtime = runtime
        self.policy = policy
        self.metadata = metadata
        self.extensions = extensions
    }
}

/// A reference from a profile's stack to another profile.
package struct ProfileReference: Sendable, Hashable {
    /// Absent: the registry of the profile that holds the reference.
    package var registry: RegistrySlug?
    package var profile: ProfileSlug

    package init(registry: RegistrySlug? = nil, profile: ProfileSlug) {
        self.registry = registry
        self.profile = profile
    }
}

/// The full name of a profile inside a tenant.
package struct ProfileID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let registry: RegistrySlug
    package let profile: ProfileSlug

    package init(registry: RegistrySlug, profile: ProfileSlug) {
        self.registry = registry
        self.profile = profile
    }

    package var description: String { "\(registry)/\(profile)" }

    package static func < (left: ProfileID, right: ProfileID) -> Bool {
        left.registry == right.registry ? left.profile < right.profile : left.registry < right.registry
    }
}
