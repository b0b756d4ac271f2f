internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

// How handlers read paths, queries and preconditions; one way for all of them.

extension RequestContext {
    /// The `{slug}` of the path.
    func slugInPath() throws(ValidationError) -> ProfileSlug {
        try ProfileSlug(validating: parameters["slug"] ?? "")
    }

    /// The `{registry}` of the path.
    func registryInPath() throws(ValidationError) -> RegistrySlug {
        try RegistrySlug(validating: parameters["registry"] ?? "")
    }

    /// `?registry=`, or the tenant's default registry.
    func queriedRegistry(in snapshot: Snapshot) throws -> RegistrySlug {
        guard let raw = head.target.query("registry")?.trimmingBlanks, !raw.isEmpty else {
            return try snapshot.defaultRegistry
        }
        return try RegistrySlug(validating: raw)
    }

    /// The registry a write names, in its body or in the query, or the tenant's default one.
    func registry(_ given: RegistrySlug?) async throws -> RegistrySlug {
        if let given { return given }
        return try queriedRegistry(in: try await snapshot())
    }

    /// `?expected_version=`.
    func queriedExpectedVersion() throws(Problem) -> UInt64? {
        guard let raw = head.target.query("expected_version") else { return nil }
        guard let version = UInt64(raw) else {
            throw Problem.badRequest(
                "invalid expected_version: it must be an integer from 0", code: "invalid_parameter",
                param: "expected_version")
        }
        return version
    }

    /// A number from 1 in the query, such as a version; nil when it is not given.
    func queriedNumber(_ name: String) throws(Problem) -> UInt64? {
        guard let raw = head.target.query(name) else { return nil }
        return try Self.number(raw, name)
    }

    /// The `{version}` of the path.
    func versionInPath() throws(Problem) -> UInt64 { try Self.number(parameters["version"] ?? "", "version") }

    private static func number(_ raw: String, _ name: String) throws(Problem) -> UInt64 {
        guard let number = UInt64(raw), number > 0 else {
            throw Problem.badRequest(
                "invalid \(name): it must be an integer from 1 to \(UInt64.max)", code: "invalid_parameter",
                param: name)
        }
        return number
    }

    func queriedLimit(default fallback: Int, maximum: Int) throws(Problem) -> Int {
        guard let raw = head.target.query("limit") else { return fallback }
        guard let limit = Int(raw), (1...maximum).contains(limit) else {
            throw Problem.badRequest(
                "invalid limit: it must be an integer from 1 to \(maximum)", code: "invalid_parameter", param: "limit")
        }
        return limit
    }

    func queriedFlag(_ name: String) throws(Problem) -> Bool {
        switch head.target.query(name) {
        case nil, "false", "0": return false
        case "true", "1", "": return true
        default:
            throw Problem.badRequest(
                "invalid \(name): it must be true or false", code: "invalid_parameter", param: name)
        }
    }

    var isMergePatch: Bool {
        BodyRules.mediaType(head.headers["Content-Type"] ?? "") == "application/merge-patch+json"
    }

    /// The preconditions of a write that stand outside its body: `If-Match`, `If-None-Match: *`, and the version where
    /// the query has it (`gateway.md §4`).
    func precondition(version: UInt64? = nil) throws(Problem) -> Precondition {
        var precondition = Precondition(expectedVersion: version)
        if let value = head.headers["If-Match"] {
            guard EntityTagList(value).isWellFormed else {
                throw Problem.badRequest(
                    "If-Match must be * or a list of quoted entity tags", code: "invalid_header", param: "If-Match")
            }
            precondition.ifMatch = value
        }
        if let value = head.headers["If-None-Match"] {
            guard value.trimmingBlanks == "*" else {
                throw Problem.badRequest(
                    "If-None-Match on a write must be *", code: "invalid_header", param: "If-None-Match")
            }
            precondition.ifNoneMatch = value
        }
        return precondition
    }

    /// Refuses an unguarded change where the tenant's setting `require_preconditions` asks for a guard (`gateway.md §4`).
    func requireGuard(_ precondition: Precondition, expectedVersion: UInt64? = nil) throws(Problem) {
        guard let tenantSlug, services.configuration.tenant(tenantSlug)?.requiresPreconditions == true,
            !precondition.isGuarded, expectedVersion == nil
        else { return }
        throw Problem(
            .preconditionRequired, code: "precondition_required",
            "this tenant takes only guarded changes: send If-Match, or expected_version with the version you have read")
    }

    /// Runs a change on the tenant's writer.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (inout RegistryTransaction) throws(RegistryError) -> Result
    ) async throws -> Result {
        try await tenant().transact(change(), body)
    }

    /// A path of the API as the client has to spell it, under the tenant's prefix if it used one.
    func apiPath(_ path: String) -> String {
        if isTenantInPath, let tenantSlug { return "/t/\(tenantSlug.rawValue)\(path)" }
        return path
    }

    /// Whether another registry than `default` may be meant where none is named.
    private var hasSources: Bool { tenantSlug.flatMap { services.configuration.tenant($0) }?.sources.isEmpty == false }

    func location(of entry: ProfileEntry) -> String {
        apiPath("/api/chat/profiles/\(entry.slug.rawValue)")
            + (entry.registry == .default && !hasSources ? "" : "?registry=\(entry.registry.rawValue)")
    }

    /// The `Link` value of the next page: this query with another `after`.
    func nextLink(after slug: some Slug) -> String { nextLink(after: slug.rawValue) }

    func nextLink(after place: String) -> String {
        var pairs = head.target.query.filter { $0.name != "after" }
        pairs.append(("after", place))
        let query = pairs.map { "\($0.name.percentEncoded)=\($0.value.percentEncoded)" }
            .joined(separator: "&")
        return "<\(head.target.rawPath)?\(query)>; rel=\"next\""
    }
}
