internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// `/api/chat/profiles`: reads are answered from the snapshot, writes go to the tenant's writer (`gateway.md §5`).
struct ProfileHandlers: Sendable {
    @Sendable func list(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        let query = try ProfileListQuery(context)
        let registry = try snapshot.usableRegistry(try context.queriedRegistry(in: snapshot))
        let showsPrompts = context.principal.role >= .reader
        if query.isFirstPlainPage, registry.count <= query.limit {
            let bytes = try registry.cachedPage(showsPrompts ? .full : .withoutPrompts) {
                try ProfileListPage(registry.profiles, showsPrompts: showsPrompts).bytes
            }
            return .stored(bytes: bytes, etag: registry.etag, for: context)
        }
        let (entries, next) = try query.select(from: registry)
        var response = Response.stored(
            bytes: try ProfileListPage(entries, showsPrompts: showsPrompts).bytes, etag: registry.etag, for: context)
        if let next { response.headers.append("Link", context.nextLink(after: next)) }
        return response
    }

    @Sendable func get(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        let slug = try context.slugInPath()
        let entry = try snapshot.profile(slug, in: try context.queriedRegistry(in: snapshot))
        return .stored(bytes: entry.document, etag: entry.etag, for: context)
    }

    @Sendable func create(_ context: RequestContext) async throws -> Response {
        let body = try CreateProfileBody(decoding: try context.bodyValue(), rules: context.services.rules)
        let registry = try await context.registry(body.registry)
        let precondition = try context.precondition()
        let entry = try await context.write { transaction throws(RegistryError) in
            try transaction.createProfile(body, in: registry, if: precondition)
        }
        var response = Response.written(entry, status: .created)
        response.headers.append("Location", context.location(of: entry))
        return response
    }

    @Sendable func patch(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let value = try context.bodyValue()
        let body =
            context.isMergePatch
            ? try PatchProfileBody(decodingMergePatch: value, rules: context.services.rules)
            : try PatchProfileBody(decoding: value, rules: context.services.rules)
        let registry = try await context.registry(body.registry)
        let precondition = try context.precondition()
        try context.requireGuard(precondition, expectedVersion: body.expectedVersion)
        let entry = try await context.write { transaction throws(RegistryError) in
            try transaction.patchProfile(slug, in: registry, body, if: precondition)
        }
        return .written(entry)
    }

    @Sendable func put(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let body = try PutProfileBody(
            decoding: try context.bodyValue(), slug: slug, rules: context.services.rules)
        let registry = try await context.registry(nil)
        let precondition = try context.precondition()
        let (entry, isNew) = try await context.write { transaction throws(RegistryError) in
            try transaction.replaceProfile(slug, in: registry, body, if: precondition)
        }
        return .written(entry, status: isNew ? .created : .ok)
    }

    @Sendable func delete(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let registry = try await context.registry(nil)
        let precondition = try context.precondition(version: try context.queriedExpectedVersion())
        try context.requireGuard(precondition)
        var newDefault: ProfileSlug?
        if let raw = context.head.target.query("new_default") { newDefault = try ProfileSlug(validating: raw) }
        let successor = newDefault
        try await context.write { transaction throws(RegistryError) in
            try transaction.deleteProfile(slug, in: registry, newDefault: successor, if: precondition)
        }
        return Response(status: .noContent, headers: HeaderFields(), body: .empty)
    }

    /// `expected_version` is the registry's; the query counts when the body has none.
    @Sendable func makeDefault(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let body = try SetDefaultBody(decoding: context.body.isEmpty ? nil : try context.bodyValue())
        let registry = try await context.registry(body.registry)
        let queried = try context.queriedExpectedVersion()
        if let given = body.expectedVersion, let queried, given != queried {
            throw Problem.badRequest(
                "expected_version in the body and in the query disagree", code: "precondition_conflict",
                param: "expected_version")
        }
        let precondition = try context.precondition(version: body.expectedVersion ?? queried)
        let entry = try await context.write { transaction throws(RegistryError) in
            try transaction.setDefault(slug, in: registry, if: precondition)
        }
        return .written(entry)
    }
}

/// One page of the list, as bytes.
private struct ProfileListPage {
    let bytes: [UInt8]

    init(_ entries: [ProfileEntry], showsPrompts: Bool) throws {
        let items = try entries.map { (entry) throws(RegistryError) in
            try entry.decode().listItem(
                registry: entry.registry, isDefault: entry.isDefault, includesPrompts: showsPrompts)
        }
        bytes = JSONValue.array(items).encoded() + [0x0A]
    }
}
