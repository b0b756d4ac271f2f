internal import Bundles
internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// One import: what the request asks for, and the document it brought.
struct RegistryImport: Sendable {
    let mode: ImportMode
    let isDryRun: Bool
    private let bundle: Bundle
    private let documents: [RegistryDocument]

    /// Reads query and body, off the thread that serves the connection.
    ///
    /// - Parameter target: the registry of the path, which the document must hold; nil for all that it holds.
    init(_ context: RequestContext, target: RegistrySlug?) async throws {
        switch context.head.target.query("mode") {
        case nil, "merge": mode = .merge
        case "replace": mode = .replace
        default:
            throw Problem.badRequest(
                "invalid mode: it must be merge or replace", code: "invalid_parameter", param: "mode")
        }
        isDryRun = try context.queriedFlag("dry_run")
        if context.body.isEmpty {
            throw Problem.badRequest(
                "bad request: the body is empty; send a document of registries", code: "empty_document")
        }
        bundle = try await Self.read(context, target: target)
        documents = try Self.select(target, from: bundle)
    }

    private static func read(_ context: RequestContext, target: RegistrySlug?) async throws -> Bundle {
        let isYAML = BodyRules.mediaType(context.head.headers["Content-Type"] ?? "") == "application/yaml"
        var reader = BundleReader()
        reader.isStrict = try context.queriedFlag("strict")
        reader.maximumBytes = context.services.configuration.maximumBodyBytes.imports
        if let target { reader.defaultRegistry = target }
        let (settled, body) = (reader, context.body)
        do {
            return try await context.offload {
                try settled.read(body, as: isYAML ? .yaml : .json)
            }
        } catch let error as BundleError {
            guard case .syntax(let reason, let line) = error else {
                throw BodyRules.tooLarge(limit: settled.maximumBytes)
            }
            var problem = Problem.badRequest("bad request: \(reason)", code: isYAML ? "invalid_yaml" : "invalid_json")
            if let line { problem.errors = [["message": .string(reason), "line": .number(JSONNumber(line))]] }
            throw problem
        }
    }

    private static func select(_ target: RegistrySlug?, from bundle: Bundle) throws(Problem) -> [RegistryDocument] {
        if bundle.documents.isEmpty && bundle.problems.isEmpty {
            throw Problem.badRequest("the document holds no registries", code: "empty_document")
        }
        guard let target, !bundle.documents.isEmpty else { return bundle.documents }
        let chosen = bundle.documents.filter { $0.registry.slug == target }
        guard chosen.isEmpty else { return chosen }
        let held = bundle.documents.map { "\"\($0.registry.slug)\"" }.joined(separator: ", ")
        throw Problem.badRequest(
            "the document holds registry \(held), the path says \"\(target)\": import it there, "
                + "or take its slug away to import its profiles here", code: "registry_mismatch", param: "registry.slug"
        )
    }

    /// Imports, or tries to.
    ///
    /// - Throws: `Problem` with everything that is wrong; nothing is changed then.
    func run(_ context: RequestContext, createsRegistries: Bool, if precondition: Precondition) async throws
        -> ImportResult
    {
        let request = ImportRequest(
            documents, mode: mode, rules: context.services.rules, createsRegistries: createsRegistries,
            unreadable: bundle.unreadable)
        let change = context.change()
        do {
            if isDryRun || !bundle.problems.isEmpty {
                let snapshot = try await context.snapshot()
                // A document that cannot be imported in any state is refused for that.
                let guarding = bundle.problems.isEmpty ? precondition : .none
                let result = try await context.offload {
                    try snapshot.trying(request, overridesReadOnly: change.overridesReadOnly, if: guarding)
                }
                guard bundle.problems.isEmpty else { throw RegistryError.importRefused([]) }
                return result
            }
            return try await context.tenant().transact(change) { transaction throws(RegistryError) in
                try transaction.importRegistries(request, if: precondition)
            }
        } catch RegistryError.importRefused(let problems) {
            let bundle = bundle
            let findings = try await context.offload {
                bundle.problems.map(ImportFinding.init)
                    + problems.map { ImportFinding($0, line: bundle.line(of: $0.path, in: $0.registry)) }
            }
            throw Problem(refusedImport: findings)
        }
    }
}

extension ImportResult.Registry {
    /// The slugs by what became of them, each with its version.
    var document: JSONObject {
        var object: JSONObject = ["slug": .string(slug.rawValue), "outcome": .string(outcome.rawValue)]
        if let version { object["version"] = .number(JSONNumber(version)) }
        if let defaultProfile { object["default_profile_slug"] = .string(defaultProfile.rawValue) }
        for outcome in [ImportResult.Outcome.created, .updated, .unchanged, .removed] {
            object[outcome.rawValue] = .array(
                profiles.filter { $0.outcome == outcome }.map { profile in
                    var item: JSONObject = ["slug": .string(profile.slug.rawValue)]
                    if let version = profile.version { item["version"] = .number(JSONNumber(version)) }
                    return .object(item)
                })
        }
        return object
    }
}
