import JSON

/// A validated, normalised name of a tenant, registry or profile; there is no other way to get one than validation.
package protocol Slug: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// What error texts call it, as in `profile slug`.
    static var label: String { get }
    /// The field that errors name, as in `profile.slug`.
    static var field: String { get }
    /// The short phrase of the origin for a malformed one, as in `invalid profile slug`.
    static var phrase: String { get }
    /// The normalised form of a raw text; nil if it is malformed.
    static func normalised(_ raw: String) -> String?

    var rawValue: String { get }
    init(normalised: String)
}

extension Slug {
    /// Trims, lower-cases and checks (origin 2.2).
    ///
    /// - Throws: `<label> cannot be empty` or `<label> "<raw>" is invalid`, at the slug's own field.
    package init(validating raw: String) throws(ValidationError) {
        guard let normalised = Self.normalised(raw) else {
            throw ValidationError(field: Self.field, reason: Self.reason(against: raw), phrase: Self.phrase)
        }
        self.init(normalised: normalised)
    }

    package init?(_ raw: String) {
        guard let normalised = Self.normalised(raw) else { return nil }
        self.init(normalised: normalised)
    }

    static func reason(against raw: String) -> String {
        SlugText.isBlank(raw) ? "\(label) cannot be empty" : "\(label) \"\(FieldPath.excerpt(raw))\" is invalid"
    }

    package static func normalised(_ raw: String) -> String? { SlugText.slug(raw) }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue.precedesByBytes(right.rawValue) }

    package var description: String { rawValue }
}

/// The name of a registry inside a tenant.
package struct RegistrySlug: Slug {
    package static let label = "registry slug"
    package static let field = "registry.slug"
    package static let phrase = "invalid registry"
    /// The registry that answers when a request names none, and that is never deleted.
    package static let `default` = RegistrySlug(normalised: "default")

    package let rawValue: String

    package init(normalised: String) { rawValue = normalised }

    /// Throws for the names that routes beside the registries have; a registry called so could not be read.
    package func checkAddressable() throws(ValidationError) {
        guard !["export", "import"].contains(rawValue) else {
            throw ValidationError(
                field: Self.field,
                reason: "\"\(rawValue)\" is a route of the gateway and cannot name a registry; choose another slug",
                phrase: Self.phrase)
        }
    }
}

/// The name of a profile inside a registry.
package struct ProfileSlug: Slug {
    package static let label = "profile slug"
    package static let field = "profile.slug"
    package static let phrase = "invalid profile slug"
    /// The profile that answers when a registry has no default.
    package static let `default` = ProfileSlug(normalised: "default")

    package let rawValue: String

    package init(normalised: String) { rawValue = normalised }
}

/// The name of a tenant: 1–63 characters of `[a-z0-9-]`, no dash at either end (`gateway.md §1`).
package struct TenantSlug: Slug {
    package static let label = "tenant slug"
    package static let field = "tenant.slug"
    package static let phrase = "invalid tenant"

    package let rawValue: String

    package init(normalised: String) { rawValue = normalised }

    package static func normalised(_ raw: String) -> String? { SlugText.slug(raw, maximumLength: 63, inner: "-") }
}
