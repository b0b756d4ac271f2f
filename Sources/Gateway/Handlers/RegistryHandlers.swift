internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// `/api/chat/registries` (`gateway.md §5`).
struct RegistryHandlers: Sendable {
    @Sendable func list(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        let limit = try context.queriedLimit(
            default: ProfileListQuery.defaultLimit, maximum: ProfileListQuery.maximumLimit)
        let after = try context.head.target.query("after").map { (raw) throws(ValidationError) in
            try RegistrySlug(validating: raw)
        }
        let rest = snapshot.registries.filter { registry in after.map { registry.slug > $0 } ?? true }
        let page = rest.prefix(limit)
        let showsProblems = context.showsSourceProblems
        let documents = page.map { $0.document(showsProblem: showsProblems) }
        var response = Response.stored(
            bytes: JSONValue.array(documents).encoded() + [0x0A], etag: snapshot.etag, for: context)
        if rest.count > page.count, let last = page.last {
            response.headers.append("Link", context.nextLink(after: last.slug))
        }
        return response
    }

    @Sendable func get(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        let slug = try context.registryInPath()
        let registry = try snapshot.usableRegistry(slug)
        let document = registry.document(showsProblem: context.showsSourceProblems)
        return .stored(bytes: document.encoded() + [0x0A], etag: registry.etag, for: context)
    }

    @Sendable func create(_ context: RequestContext) async throws -> Response {
        let body = try CreateRegistryBody(decoding: try context.bodyValue())
        let precondition = try context.precondition()
        let registry = try await context.write { transaction throws(RegistryError) in
            try transaction.createRegistry(body, if: precondition)
        }
        var response = written(registry, status: .created)
        response.headers.append("Location", context.apiPath("/api/chat/registries/\(registry.slug.rawValue)"))
        return response
    }

    @Sendable func patch(_ context: RequestContext) async throws -> Response {
        let slug = try context.registryInPath()
        let body = try PatchRegistryBody(decoding: try context.bodyValue(), isMergePatch: context.isMergePatch)
        let precondition = try context.precondition()
        try context.requireGuard(precondition, expectedVersion: body.expectedVersion)
        let registry = try await context.write { transaction throws(RegistryError) in
            try transaction.patchRegistry(slug, body, if: precondition)
        }
        return written(registry)
    }

    @Sendable func delete(_ context: RequestContext) async throws -> Response {
        let slug = try context.registryInPath()
        let force = try context.queriedFlag("force")
        let precondition = try context.precondition(version: try context.queriedExpectedVersion())
        try context.requireGuard(precondition)
        try await context.write { transaction throws(RegistryError) in
            try transaction.deleteRegistry(slug, force: force, if: precondition)
        }
        return Response(status: .noContent, headers: HeaderFields(), body: .empty)
    }

    private func written(_ registry: RegistrySnapshot, status: Status = .ok) -> Response {
        // What is written is never mounted.
        var response = Response.json(
            bytes: registry.document(showsProblem: false).encoded() + [0x0A], status: status)
        response.headers.append("ETag", registry.etag)
        response.headers.append("Cache-Control", "private, no-cache")
        return response
    }

}

extension RequestContext {
    /// What is wrong with a source is for those who may read what it holds.
    fileprivate var showsSourceProblems: Bool { principal.role >= .reader }
}

extension RegistrySnapshot {
    /// The registry, and for a mounted one where it comes from and, if wanted, what is wrong with that.
    func document(showsProblem: Bool) -> JSONValue {
        let document = registry.document(profileCount: count)
        guard let mount, var object = document.objectValue else { return document }
        object["read_only"] = true
        object["source"] = .string(mount.label)
        if showsProblem, let problem = mount.problem { object["source_error"] = .string(problem.message) }
        return .object(object)
    }
}
