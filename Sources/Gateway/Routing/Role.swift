/// What a caller may do inside one tenant (`gateway.md §1`), weakest first.
package enum Role: Int, Sendable, Comparable, CaseIterable {
    /// Chats, and lists models and profiles without their prompts.
    case chat
    /// Sees every document.
    case reader
    /// Changes profiles.
    case editor
    /// Changes registries and what is read-only.
    case admin

    package static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
}
