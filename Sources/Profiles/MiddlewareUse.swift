package import JSON

/// One use of a middleware in a profile's list; the order of the list is the order of the run.
package struct MiddlewareUse: Sendable, Equatable {
    package var name: String
    /// Tells several uses of one middleware apart, and names its configuration slot.
    package var id: String?
    /// Absent means enabled.
    package var enabled: Bool?
    /// Inline configuration. Writes move it into the extension slot (origin 2.4), so that stored profiles have none;
    /// files of the origin may still carry it.
    package var config: JSONValue?

    package init(name: String, id: String? = nil, enabled: Bool? = nil, config: JSONValue? = nil) {
        self.name = name
        self.id = id
        self.enabled = enabled
        self.config = config
    }

    package var isEnabled: Bool { enabled ?? true }

    /// The slot in `extensions["middleware.<name>_config@v1"].instances` that configures this use.
    package func slot(at index: Int) -> String {
        id.map { "id:\($0)" } ?? "index:\(index)"
    }
}
