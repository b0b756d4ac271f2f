import JSON
package import Profiles

/// The middlewares every gateway has, made with the operator's settings at start-up.
package struct BuiltInMiddlewares: Sendable {
    /// What profiles may use; advertised and enforced alike.
    package let catalog: MiddlewareCatalog
    private let kinds: [String: MiddlewareKind]

    /// - Throws: where the operator's modes are wrong (`agent_modes[0].name`), or a definition's schema uses a keyword
    ///   that would not be enforced.
    package init(agentModes: [AgentMode] = []) throws(ValidationError) {
        let kinds = [
            try AgentModeMiddleware.kind(modes: agentModes), try PromptAppendMiddleware.kind(),
            try RedactMiddleware.kind(), try InputLimitMiddleware.kind(), try RequireJSONMiddleware.kind(),
        ]
        catalog = try MiddlewareCatalog(kinds.map(\.definition))
        self.kinds = Dictionary(uniqueKeysWithValues: kinds.map { ($0.definition.name, $0) })
    }

    /// - Throws: ``ValidationError`` with a field under `field`.
    func make(_ middleware: EffectiveMiddleware, field: String) throws(ValidationError) -> any ChatMiddleware {
        guard let kind = kinds[middleware.name] else {
            throw ValidationError(
                field: "\(field).name", reason: "unknown middleware \"\(FieldPath.excerpt(middleware.name))\"")
        }
        do { return try kind.make(middleware.config) } catch {
            throw ValidationError(field: "\(field).config", reason: error.description)
        }
    }
}
