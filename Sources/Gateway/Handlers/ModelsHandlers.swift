internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// OpenAI's model list: every profile is a model (`gateway.md §8`).
struct ModelsHandlers: Sendable {
    /// Profiles of the default registry go by their slug, all others by `registry/slug`.
    @Sendable func list(_ context: RequestContext, _ snapshot: Snapshot) throws -> Response {
        var models: [JSONValue] = []
        for registry in snapshot.registries where registry.state == .ok {
            for entry in registry.profiles { models.append(try model(entry, in: snapshot)) }
        }
        return .json(["object": "list", "data": .array(models)])
    }

    /// The profile that a chat with this model would be answered by; nothing but the id selects here.
    @Sendable func get(_ context: RequestContext) async throws -> Response {
        let snapshot = try await context.snapshot()
        let selected = try Selection(sources: Selection.Sources(), for: context)
            .resolveModel(context.parameters["id"] ?? "", in: snapshot)
        guard let pin = selected.pin else { return .json(try model(selected.entry, in: snapshot)) }
        let entry = try await VersionCache.load(pin, of: selected.entry, in: try await context.tenant())
        return .json(try model(entry, in: snapshot, version: pin.version))
    }

    private func model(
        _ entry: ProfileEntry, in snapshot: Snapshot, version: UInt64? = nil
    ) throws(RegistryError) -> JSONValue {
        let isHome = snapshot.isDefault(entry.registry)
        let name = isHome ? entry.slug.rawValue : "\(entry.registry.rawValue)/\(entry.slug.rawValue)"
        return [
            "id": .string(name + (version.map { "@\($0)" } ?? "")),
            "object": "model",
            "created": .number(JSONNumber(try entry.decode().metadata.createdAtMs / 1000)),
            "owned_by": .string(entry.registry.rawValue),
        ]
    }
}
