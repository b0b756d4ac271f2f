package import Profiles

/// One line of the audit: who changed what, when, from where. Written in the transaction of the change itself.
package struct AuditEntry: Sendable {
    /// Grows with every line of the file; what a page continues after.
    package let id: UInt64
    package let revision: UInt64
    /// Wall clock, milliseconds since the epoch.
    package let atMs: Int64
    package let actor: String
    package let source: String
    package let requestID: String
    /// The address the request came from, as far as trusted proxies tell.
    package let client: String?
    package let action: String
    package let registry: String
    /// Nil: the registry itself.
    package let profile: String?
    package let version: UInt64
    /// What was special about it: `override_read_only`, `rollback to version 3`.
    package let note: String?
}

/// Which lines of the audit are asked for; nil asks for all.
package struct AuditQuery: Sendable {
    package var registry: RegistrySlug?
    package var profile: ProfileSlug?
    package var actor: String?
    /// Lines not older than this; wall clock, milliseconds since the epoch.
    package var sinceMs: Int64?
    /// Lines older than the one with this id.
    package var before: UInt64?
    package var limit: Int

    package init(limit: Int) {
        self.limit = limit
    }
}
