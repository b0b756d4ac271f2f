internal import Bundles
internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// Export and import of whole registries (`gateway.md §5`, docs/import-export.md).
struct BundleHandlers: Sendable {
    private enum Format: String, CaseIterable {
        case yaml, json
        /// For programs of the origin since 2026-02-25.
        case originYAML = "origin-yaml"
        /// A file of the origin's SQLite store.
        case originSQLite = "origin-sqlite"

        var contentType: String {
            switch self {
            case .json: "application/json"
            case .yaml, .originYAML: "application/yaml"
            case .originSQLite: "application/vnd.sqlite3"
            }
        }

        var fileExtension: String {
            switch self {
            case .json: "json"
            case .yaml, .originYAML: "yaml"
            case .originSQLite: "db"
            }
        }
    }

    @Sendable func exportOne(_ context: RequestContext) async throws -> Response {
        let format = try format(context)
        let registry = try await context.snapshot().usableRegistry(try context.registryInPath())
        return try await export([registry], format, name: registry.slug.rawValue, etag: registry.etag, context)
    }

    @Sendable func exportAll(_ context: RequestContext) async throws -> Response {
        try await exportAll(context, masksKeys: true)
    }

    /// The same for the operator. What the origin shall read holds literal keys as they are: masked it would not work,
    /// and the operator has the file they come from.
    @Sendable func exportForOperator(_ context: RequestContext) async throws -> Response {
        try await exportAll(context, masksKeys: false)
    }

    private func exportAll(_ context: RequestContext, masksKeys: Bool) async throws -> Response {
        let format = try format(context)
        let snapshot = try await context.snapshot()
        // A mounted one is a document already, and could not be imported again.
        let registries = snapshot.ownRegistries
        for registry in registries { try registry.check() }
        if format == .originYAML && registries.count != 1 {
            throw Problem.badRequest(
                "origin-yaml holds one registry, the tenant has \(registries.count): export them one by one",
                code: "one_registry_only", param: "format")
        }
        return try await export(
            registries, format, name: nil, etag: snapshot.etag, context, masksKeys: masksKeys)
    }

    /// Answers with what became of each profile; without a change when anything is wrong.
    @Sendable func importOne(_ context: RequestContext) async throws -> Response {
        let target = try context.registryInPath()
        let change = try await RegistryImport(context, target: target)
        let isAdmin = context.principal.role >= .admin
        if change.mode == .replace && !isAdmin {
            throw Problem.forbidden("mode=replace needs the role admin in the tenant", code: "insufficient_role")
        }
        let precondition = try context.precondition(version: try context.queriedExpectedVersion())
        let result = try await change.run(context, createsRegistries: isAdmin, if: precondition)
        var object: JSONObject = [
            "mode": .string(change.mode.rawValue), "dry_run": .bool(change.isDryRun),
        ]
        for (key, value) in result.registries.first?.document ?? [:] { object[key] = value }
        return .json(.object(object))
    }

    /// Every registry of the document in one transaction; those that are missing are made.
    @Sendable func importAll(_ context: RequestContext) async throws -> Response {
        let change = try await RegistryImport(context, target: nil)
        let result = try await change.run(context, createsRegistries: true, if: .none)
        return .json([
            "mode": .string(change.mode.rawValue), "dry_run": .bool(change.isDryRun),
            "registries": .array(result.registries.map { .object($0.document) }),
        ])
    }

    private func format(_ context: RequestContext) throws(Problem) -> Format {
        guard let raw = context.head.target.query("format") else { return .yaml }
        guard let format = Format(rawValue: raw) else {
            let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem.badRequest(
                "invalid format: it must be one of \(known)", code: "invalid_parameter", param: "format")
        }
        return format
    }

    /// - Parameter name: the one registry that is exported; nil for a bundle of all.
    private func export(
        _ registries: [RegistrySnapshot], _ format: Format, name: String?, etag: String, _ context: RequestContext,
        masksKeys: Bool = true
    ) async throws -> Response {
        var response = Response.stored(bytes: [], etag: etag, for: context)
        if response.status == .notModified { return response }
        let tenants = context.services.tenants
        let bytes = try await context.offload {
            let documents = try registries.map { try $0.wholeDocument() }
            switch format {
            case .originYAML:
                return documents.first.map { OriginDocument($0, form: .strictYAML, masksKeys: true).yaml() } ?? []
            case .originSQLite:
                return try tenants.originFile(of: documents, masksKeys: masksKeys)
            case .yaml, .json:
                let document = name == nil ? BundleWriter.bundle(of: documents) : BundleWriter.document(of: documents)
                return BundleWriter.encode(document, as: format == .json ? .json : .yaml)
            }
        }
        response.headers.remove("Content-Type")
        response.headers.append("Content-Type", format.contentType)
        response.headers.append(
            "Content-Disposition", "attachment; filename=\"\(name ?? "registries").\(format.fileExtension)\"")
        response.body = .bytes(bytes)
        return response
    }
}
