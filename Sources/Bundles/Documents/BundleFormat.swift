import JSON

/// The shapes a document of registries may have (origin 6.1); the raw values are what `migrate-legacy` prints.
package enum BundleFormat: String, Sendable {
    case empty
    case invalid
    /// `registries:` with any number of registries.
    case bundle = "canonical-registries"
    case singleRegistry = "single-registry"
    /// Profile name → section → field → value, from before there were registries.
    case legacyMap = "legacy-map"

    /// Detection in the origin's order: a bundle, a registry, else a legacy map.
    init(of document: JSONObject) {
        if document.isEmpty {
            self = .empty
        } else if document["registries"] != nil {
            self = .bundle
        } else if ["slug", "profiles", "default_profile_slug"].contains(where: { document[$0] != nil }) {
            self = .singleRegistry
        } else {
            self = .legacyMap
        }
    }
}

/// How a document of registries is spelled.
package enum BundleSyntax: Sendable {
    case json, yaml
}
