package import Profiles

/// The enabled middlewares of an effective runtime, configured and compiled; made once and kept with it.
package struct MiddlewareChain: Sendable {
    private let middlewares: [any ChatMiddleware]

    /// - Parameters:
    ///   - list: the effective middlewares, in their order.
    ///   - path: where the list was written: a profile's `runtime.middlewares`, or a request's overrides.
    /// - Throws: the field of an enabled one that is unknown or wrongly configured, as in
    ///   `runtime.middlewares[0].config`; writes refuse these, but files can be edited and requests override.
    package init(
        _ list: [EffectiveMiddleware], from builtIn: BuiltInMiddlewares, path: String = "runtime.middlewares"
    ) throws(ValidationError) {
        var middlewares: [any ChatMiddleware] = []
        for (index, middleware) in list.enumerated() where middleware.isEnabled {
            middlewares.append(try builtIn.make(middleware, field: "\(path)[\(index)]"))
        }
        self.middlewares = middlewares
    }

    /// Nothing to run: requests and answers may pass as bytes.
    package var isEmpty: Bool { middlewares.isEmpty }

    package func begin() -> MiddlewareRun { MiddlewareRun(sessions: middlewares.map { $0.makeSession() }) }
}
