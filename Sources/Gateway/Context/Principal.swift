/// Who is calling, once the door has let them in (`gateway.md §9`).
package struct Principal: Sendable {
    /// What the caller may do in the tenant of the request.
    package let role: Role
    /// The name that history, audit and metadata record.
    package let actor: String
    /// What the caller came by, for history and audit.
    package var source = "http-api"
}
