package import JSON

/// What a request may change about a profile's runtime, and whether the profile itself may change.
package struct OverridePolicy: Sendable, Equatable {
    /// What happens to a client's own sampling fields on `/v1` that the policy refuses (`gateway.md §8`).
    package enum DenialAction: String, Sendable {
        case reject, ignore
    }

    /// Absent: this layer does not say; a profile where no layer says so allows no overrides.
    package var allowOverrides: Bool?
    /// Absent: every key; empty: none.
    package var allowedOverrideKeys: [String]?
    package var deniedOverrideKeys: [String]
    package var readOnly: Bool
    package var onDenied: DenialAction?
    /// Bounds per step setting, by `<section>.<field>`.
    package var limits: [String: SettingLimit]
    /// Whether unknown members of a chat body go upstream; absent means yes.
    package var passUnknown: Bool?

    package init(
        allowOverrides: Bool? = nil, allowedOverrideKeys: [String]? = nil, deniedOverrideKeys: [String] = [],
        readOnly: Bool = false, onDenied: DenialAction? = nil, limits: [String: SettingLimit] = [:],
        passUnknown: Bool? = nil
    ) {
        self.allowOverrides = allowOverrides
        self.allowedOverrideKeys = allowedOverrideKeys
        self.deniedOverrideKeys = deniedOverrideKeys
        self.readOnly = readOnly
        self.onDenied = onDenied
        self.limits = limits
        self.passUnknown = passUnknown
    }
}

/// The bounds a policy sets on one step setting.
package struct SettingLimit: Sendable, Equatable {
    package var minimum: JSONNumber?
    package var maximum: JSONNumber?
    /// The only values allowed; absent: any.
    package var choices: [JSONValue]?

    package init(minimum: JSONNumber? = nil, maximum: JSONNumber? = nil, choices: [JSONValue]? = nil) {
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
    }
}
