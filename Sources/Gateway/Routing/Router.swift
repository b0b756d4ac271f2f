internal import HTTPServer
internal import Tenants

/// One endpoint: where it is, who may call it, how its body is read, and what answers.
struct Endpoint: Sendable {
    /// Decides about the caller before the handler runs.
    enum Access: Sendable {
        /// Answers everybody, without a tenant (`/healthz`).
        case open
        /// Answers clients on this machine, and others with the operator key (`/version`).
        case local
        /// The operator's: needs the operator key or the token of the lock file. Where the path has `{tenant}`, that is
        /// the request's tenant; under `/t/{tenant}` there is no such path.
        case `operator`
        /// Needs a tenant and at least this role in it.
        case tenant(Role)
    }

    let method: HTTPServer.Method
    /// The path, with `{name}` for one segment and `{name...}` for one or more.
    let pattern: String
    let access: Access
    /// The largest body accepted; 0 for none.
    let bodyLimit: BodyLimit
    let handler: Handler

    /// What answers.
    enum Handler: Sendable {
        /// A task of its own, which may wait.
        case task(@Sendable (RequestContext) async throws -> Response)
        /// A function of the tenant's snapshot: a tenant in memory answers at once on libmicrohttpd's thread.
        case read(@Sendable (RequestContext, Snapshot) throws -> Response)
    }

    /// Which configured limit a body falls under.
    enum BodyLimit: Sendable {
        case none, profile, chat
        /// Documents of whole registries, in JSON or YAML.
        case registries
    }
}

/// What stood in a path where its pattern has names; never more than a few.
struct PathParameters: Sendable {
    private var pairs: [(name: String, value: String)] = []

    subscript(name: String) -> String? {
        get { pairs.first { $0.name == name }?.value }
        set { if let newValue { pairs.append((name, newValue)) } }
    }
}

/// Finds the endpoint for a path: a tree of segments, built once at start.
struct Router: Sendable {
    /// A match, or why there is none.
    enum Match: Sendable {
        case found(Endpoint, parameters: PathParameters)
        case methodNotAllowed([HTTPServer.Method])
        case notFound
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: (name: String, node: Int)?
        var endpoints: [HTTPServer.Method: Endpoint] = [:]
        /// The name of a parameter that takes the rest of the path, and what answers there.
        var rest: (name: String, endpoints: [HTTPServer.Method: Endpoint])?
    }

    private var nodes: [Node] = [Node()]

    init(_ endpoints: [Endpoint]) {
        for endpoint in endpoints { insert(endpoint) }
    }

    private mutating func insert(_ endpoint: Endpoint) {
        var index = 0
        for segment in endpoint.pattern.split(separator: "/") {
            if segment.hasSuffix("...}") {
                let name = String(segment.dropFirst().dropLast(4))
                var rest = nodes[index].rest ?? (name, [:])
                rest.endpoints[endpoint.method] = endpoint
                nodes[index].rest = rest
                return
            }
            index =
                segment.hasPrefix("{")
                ? parameterChild(of: index, name: String(segment.dropFirst().dropLast()))
                : literalChild(of: index, segment: String(segment))
        }
        nodes[index].endpoints[endpoint.method] = endpoint
    }

    private mutating func literalChild(of index: Int, segment: String) -> Int {
        if let child = nodes[index].literals[segment] { return child }
        nodes.append(Node())
        nodes[index].literals[segment] = nodes.count - 1
        return nodes.count - 1
    }

    private mutating func parameterChild(of index: Int, name: String) -> Int {
        if let child = nodes[index].parameter { return child.node }
        nodes.append(Node())
        nodes[index].parameter = (name, nodes.count - 1)
        return nodes.count - 1
    }

    /// The endpoint for `path` and `method`; `HEAD` is served wherever `GET` is (`gateway.md §4`).
    func match(_ method: HTTPServer.Method, _ path: ArraySlice<String>) -> Match {
        var index = 0
        var parameters = PathParameters()
        var endpoints: [HTTPServer.Method: Endpoint] = [:]
        var position = path.startIndex
        var hasAlternative = false
        walk: while position < path.endIndex {
            let segment = path[position]
            if let child = nodes[index].literals[segment] {
                hasAlternative = hasAlternative || nodes[index].parameter != nil
                index = child
            } else if let child = nodes[index].parameter, !segment.isEmpty {
                parameters[child.name] = segment
                index = child.node
            } else if let rest = nodes[index].rest {
                parameters[rest.name] = path[position...].joined(separator: "/")
                endpoints = rest.endpoints
                break walk
            } else {
                break walk
            }
            position += 1
        }
        if position == path.endIndex { endpoints = nodes[index].endpoints }
        if let endpoint = endpoints[method] ?? (method == .head ? endpoints[.get] : nil) {
            return .found(endpoint, parameters: parameters)
        }
        // A registry may be called as a verb beside it is, such as `import`.
        if hasAlternative, let found = alternative(method, path, at: 0, PathParameters()) { return found }
        if endpoints.isEmpty { return .notFound }
        var allowed = Set(endpoints.keys)
        if allowed.contains(.get) { allowed.insert(.head) }
        return .methodNotAllowed(allowed.sorted { $0.rawValue < $1.rawValue })
    }

    /// The first endpoint that fits when names are also tried where a literal segment fits.
    private func alternative(
        _ method: HTTPServer.Method, _ path: ArraySlice<String>, at index: Int, _ parameters: PathParameters
    ) -> Match? {
        guard let segment = path.first else {
            let endpoints = nodes[index].endpoints
            return (endpoints[method] ?? (method == .head ? endpoints[.get] : nil)).map {
                .found($0, parameters: parameters)
            }
        }
        if let child = nodes[index].literals[segment],
            let found = alternative(method, path.dropFirst(), at: child, parameters)
        {
            return found
        }
        guard let child = nodes[index].parameter, !segment.isEmpty else { return nil }
        var parameters = parameters
        parameters[child.name] = segment
        return alternative(method, path.dropFirst(), at: child.node, parameters)
    }
}
