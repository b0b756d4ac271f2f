internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// Versions, differences, rollback and audit (`gateway.md §5`). Answered from the file: these suspend, all of them.
struct HistoryHandlers: Sendable {
    private static let defaultLimit = 100
    private static let maximumLimit = 1000
    /// Bytes of text that are compared line by line.
    private static let maximumText = 8 << 20

    @Sendable func versions(_ context: RequestContext) async throws -> Response {
        try await page(of: try context.slugInPath(), in: try await context.registry(nil), context)
    }

    @Sendable func version(_ context: RequestContext) async throws -> Response {
        try await version(of: try context.slugInPath(), in: try await context.registry(nil), context)
    }

    @Sendable func registryVersions(_ context: RequestContext) async throws -> Response {
        try await page(of: nil, in: try context.registryInPath(), context)
    }

    @Sendable func registryVersion(_ context: RequestContext) async throws -> Response {
        try await version(of: nil, in: try context.registryInPath(), context)
    }

    /// RFC 6902 and `diff -u` between two versions' documents; a deletion is `null`, and no text.
    @Sendable func diff(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let registry = try await context.registry(nil)
        let (from, to) = (try context.queriedNumber("from"), try context.queriedNumber("to"))
        let tenant = try await context.readableTenant()
        let (old, new) = try await tenant.versions(from: from, to: to, of: slug, in: registry)
        let tag = EntityTag.text(
            revision: new.revision, epoch: tenant.snapshot.epoch, part: "\(new.version)-\(old?.version ?? 0)")
        let bytes = try await context.offload {
            try Self.difference(old, new).encoded() + [0x0A]
        }
        return .stored(bytes: bytes, etag: tag, for: context)
    }

    @Sendable func rollBack(_ context: RequestContext) async throws -> Response {
        let slug = try context.slugInPath()
        let body = try RollbackBody(decoding: try context.bodyValue(), rules: context.services.rules)
        let registry = try await context.registry(body.registry)
        let precondition = try context.precondition()
        try context.requireGuard(precondition, expectedVersion: body.expectedVersion)
        let (entry, isNew) = try await context.write { transaction throws(RegistryError) in
            try transaction.rollBackProfile(slug, in: registry, body, if: precondition)
        }
        return .written(entry, status: isNew ? .created : .ok)
    }

    @Sendable func audit(_ context: RequestContext) async throws -> Response {
        var query = AuditQuery(
            limit: try context.queriedLimit(default: Self.defaultLimit, maximum: Self.maximumLimit))
        let target = context.head.target
        query.registry = try target.query("registry").map { (raw) throws(ValidationError) in
            try RegistrySlug(validating: raw)
        }
        query.profile = try target.query("profile").map { (raw) throws(ValidationError) in
            try ProfileSlug(validating: raw)
        }
        query.actor = target.query("actor")
        query.sinceMs = try context.queriedNumber("since").map { Int64(clamping: $0) }
        query.before = try context.queriedNumber("after")
        let tenant = try await context.readableTenant()
        let (entries, isCut) = try await tenant.audit(query)
        let tag = EntityTag.text(
            revision: entries.first?.revision ?? 0, epoch: tenant.snapshot.epoch,
            part: "\(entries.first?.id ?? 0)-\(entries.last?.id ?? 0)-\(entries.count)")
        var response = Response.stored(
            bytes: JSONValue.array(entries.map(\.document)).encoded() + [0x0A], etag: tag, for: context)
        if isCut, let last = entries.last { response.headers.append("Link", context.nextLink(after: "\(last.id)")) }
        return response
    }

    private func page(
        of slug: ProfileSlug?, in registry: RegistrySlug, _ context: RequestContext
    ) async throws -> Response {
        let limit = try context.queriedLimit(default: Self.defaultLimit, maximum: Self.maximumLimit)
        let after = try context.queriedNumber("after")
        let page = try await context.readableTenant().versions(of: slug, in: registry, limit: limit, before: after)
        let (newest, oldest) = (page.entries.first, page.entries.last)
        let tag = EntityTag.text(
            revision: newest?.revision ?? 0, epoch: page.epoch, part: "\(oldest?.version ?? 0)-\(page.entries.count)")
        // One damaged version does not hide the others.
        let items = page.entries.map { entry in
            do throws(RegistryError) {
                return entry.item(document: try entry.document(), damage: nil)
            } catch {
                return entry.item(document: .null, damage: error.message)
            }
        }
        var response = Response.stored(
            bytes: JSONValue.array(items).encoded() + [0x0A], etag: tag, for: context)
        if page.isCut, let oldest { response.headers.append("Link", context.nextLink(after: "\(oldest.version)")) }
        return response
    }

    private func version(
        of slug: ProfileSlug?, in registry: RegistrySlug, _ context: RequestContext
    ) async throws -> Response {
        let number = try context.versionInPath()
        let tenant = try await context.readableTenant()
        let entry = try await tenant.version(number, of: slug, in: registry)
        let item = entry.item(document: try entry.document(), damage: nil)
        let tag = EntityTag.text(revision: entry.revision, epoch: tenant.snapshot.epoch)
        return .stored(bytes: item.encoded() + [0x0A], etag: tag, for: context)
    }

    private static func difference(_ old: HistoryEntry?, _ new: HistoryEntry) throws -> JSONValue {
        let (before, after) = (try old?.document() ?? .null, try new.document())
        let name = "\(new.registry)/\(new.profile?.rawValue ?? "")"
        return [
            "registry": .string(new.registry.rawValue), "slug": .string(new.profile?.rawValue ?? ""),
            "from": old.map { .number(JSONNumber($0.version)) } ?? .null, "to": .number(JSONNumber(new.version)),
            "patch": JSONPatch.difference(from: before, to: after),
            "text": .string(
                text(
                    from: before, named: old.map { "\(name)@\($0.version)" } ?? "/dev/null", to: after,
                    named: "\(name)@\(new.version)")),
        ]
    }

    /// The differences as text, or a line that says why there is none.
    private static func text(
        from old: JSONValue, named oldName: String, to new: JSONValue, named newName: String
    ) -> String {
        let (before, after) = (old.textToCompare, new.textToCompare)
        let size = before.count + after.count
        guard size <= maximumText else {
            return "no text: both documents together have \(size) bytes with one value a line, "
                + "the limit is \(maximumText); see patch\n"
        }
        return UnifiedDiff.text(from: before, named: oldName, to: after, named: newName)
    }
}

extension RequestContext {
    /// The tenant, if it serves: in quarantine its history is as little to be trusted as the rest of its file.
    fileprivate func readableTenant() async throws -> Tenant {
        let tenant = try await tenant()
        _ = try tenant.current()
        return tenant
    }
}

extension JSONValue {
    /// The canonical document, one member a line; nothing for a deletion.
    fileprivate var textToCompare: [UInt8] { isNull ? [] : pretty(sortingKeys: true) + [0x0A] }
}

extension HistoryEntry {
    /// The version as the API shows it.
    fileprivate func item(document: JSONValue, damage: String?) -> JSONValue {
        var object: JSONObject = ["registry": .string(registry.rawValue)]
        if let profile { object["slug"] = .string(profile.rawValue) }
        object["version"] = .number(JSONNumber(version))
        object["revision"] = .number(JSONNumber(revision))
        object["action"] = .string(action)
        object["deleted"] = .bool(isDeletion)
        object["at_ms"] = .number(JSONNumber(atMs))
        object["actor"] = .string(actor)
        object["source"] = .string(source)
        object["request_id"] = .string(requestID)
        object["document"] = document
        if let damage { object["damaged"] = .string(damage) }
        return .object(object)
    }
}

extension AuditEntry {
    /// The line as the API shows it.
    fileprivate var document: JSONValue {
        var object: JSONObject = [
            "id": .number(JSONNumber(id)), "revision": .number(JSONNumber(revision)),
            "at_ms": .number(JSONNumber(atMs)), "actor": .string(actor), "source": .string(source),
            "request_id": .string(requestID),
        ]
        if let client { object["client"] = .string(client) }
        object["action"] = .string(action)
        // A restore is about the whole file.
        if !registry.isEmpty { object["registry"] = .string(registry) }
        if let profile { object["profile"] = .string(profile) }
        object["version"] = .number(JSONNumber(version))
        if let note { object["note"] = .string(note) }
        return .object(object)
    }
}
