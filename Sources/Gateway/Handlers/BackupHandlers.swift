internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// `/admin/tenants/{t}/backups|restore` and a tenant's own `/api/tenant/backups|restore` (`gateway.md §9`, `§10`).
///
/// A tenant's admin names backups by their base names and sees no path; the operator may name paths inside the data
/// directory and the configured ones.
struct BackupHandlers: Sendable {
    @Sendable func list(_ context: RequestContext) async throws -> Response {
        let limit = try context.queriedLimit(
            default: ProfileListQuery.defaultLimit, maximum: ProfileListQuery.maximumLimit)
        let tenant = try context.addressedTenant()
        let files = try await context.tellingOperator { () async throws(RegistryError) in
            try await context.services.backups.list(tenant)
        }
        let after = context.head.target.query("after")
        let rest = after.map { name in files.drop { $0.fileName != name }.dropFirst() } ?? files[...]
        let page = rest.prefix(limit)
        var response = Response.json(.array(page.map { $0.document(showsPath: context.isOperators) }))
        response.headers.append("Cache-Control", "private, no-cache")
        if rest.count > page.count, let last = page.last {
            response.headers.append("Link", context.nextLink(after: last.fileName))
        }
        return response
    }

    @Sendable func create(_ context: RequestContext) async throws -> Response {
        let tenant = try context.addressedTenant()
        let request = try await Self.request(context)
        let outcome = try await context.tellingOperator { () async throws(RegistryError) in
            try await context.services.backups.backUp(tenant, request)
        }
        var document: JSONObject = [
            "tenant": .string(tenant.rawValue),
            "backups": .array(outcome.files.map { $0.document(showsPath: context.isOperators) }),
            "pruned": .array(outcome.pruned.map { .string($0) }),
            "duration_ms": .milliseconds(outcome.durationNs),
        ]
        if !outcome.warnings.isEmpty {
            let warnings = context.isOperators ? outcome.warnings : ["older backups could not be removed"]
            document["warnings"] = .array(warnings.map { .string($0) })
        }
        return .json(.object(document), status: .created)
    }

    /// How the scheduled backups are doing, whose are missing, and the backups of the control database.
    @Sendable func state(_ context: RequestContext) async throws -> Response {
        let backups = context.services.backups
        let (overdue, control) = try await context.tellingOperator { () async throws(RegistryError) in
            (try await backups.overdue(), try await backups.listControl())
        }
        var document = context.services.scheduler.document()
        document["overdue"] = .array(overdue.map { $0.document() })
        document["control"] = .array(control.map { $0.document(showsPath: true) })
        return .json(.object(document))
    }

    /// A backup of the control database; 204 while there is none.
    @Sendable func createOfControl(_ context: RequestContext) async throws -> Response {
        if !context.body.isEmpty { try context.bodyReader().finish() }
        let file = try await context.tellingOperator { () async throws(RegistryError) in
            try await context.services.backups.backUpControl()
        }
        guard let file else { return Response(status: .noContent, headers: HeaderFields(), body: .empty) }
        return .json(file.document(showsPath: true), status: .created)
    }

    @Sendable func delete(_ context: RequestContext) async throws -> Response {
        let tenant = try context.addressedTenant()
        let name = context.parameters["name"] ?? ""
        try await context.tellingOperator { () async throws(RegistryError) in
            try await context.services.backups.remove(name, of: tenant)
        }
        return Response(status: .noContent, headers: HeaderFields(), body: .empty)
    }

    @Sendable func restore(_ context: RequestContext) async throws -> Response {
        let tenant = try context.addressedTenant()
        var body = try context.bodyReader()
        let given = try body.string("from")
        let dryRun = try body.bool("dry_run") ?? false
        try body.finish()
        guard let from = given, !from.isEmpty else {
            throw Problem.badRequest("from must name the backup to restore", code: "invalid_field", param: "from")
        }
        let source: RestoreSource
        if from.contains("/") {
            guard context.isOperators else {
                throw Problem.badRequest(
                    "from must be the name of a backup as GET /api/tenant/backups lists it", code: "invalid_name",
                    param: "from")
            }
            source = .path(
                try await BackupPaths(configuration: context.services.configuration).file(from, context, param: "from"))
        } else {
            source = .name(from)
        }
        let report = try await context.tellingOperator { () async throws(RegistryError) in
            try await context.services.backups.restore(
                tenant, from: source, dryRun: dryRun, isOperators: context.isOperators, context: context.change())
        }
        return .json(Self.document(report, of: tenant, for: context))
    }

    /// What a POST may ask for; an empty body asks for nothing.
    private static func request(_ context: RequestContext) async throws -> BackupRequest {
        var request = BackupRequest()
        guard !context.body.isEmpty else { return request }
        var body = try context.bodyReader()
        if context.isOperators {
            let to = try body.string("to")
            let keep = try body.int64("keep")
            guard keep.map({ (1...100_000).contains($0) }) ?? true else {
                throw Problem.badRequest(
                    "keep must be an integer from 1 to 100000", code: "invalid_field", param: "keep")
            }
            let age = try body.string("max_age")
            if let to {
                request.directory = try await BackupPaths(configuration: context.services.configuration).directory(
                    to, context, param: "to")
            }
            if keep != nil || age != nil {
                request.retention = BackupRetention(
                    keep: keep.map { Int($0) }, maximumAge: try age.map(Self.age))
            }
        }
        try body.finish()
        return request
    }

    private static func age(_ text: String) throws(Problem) -> Duration {
        guard let age = Units.duration(text), age > .zero else {
            throw Problem.badRequest(
                "max_age must be a length of time such as 12h or 30d", code: "invalid_field", param: "max_age")
        }
        return age
    }

    private static func document(
        _ report: RestoreReport, of tenant: TenantSlug, for context: RequestContext
    ) -> JSONValue {
        func shown(_ path: String) -> JSONValue { .string(context.isOperators ? path : path.withoutDirectories) }
        return [
            "tenant": .string(tenant.rawValue), "from": shown(report.from), "restored": .bool(report.isRestored),
            "dry_run": .bool(!report.isRestored), "bytes": .number(JSONNumber(report.bytes)),
            "sha256": .string(report.sha256), "registries": .number(JSONNumber(report.registries)),
            "profiles": .number(JSONNumber(report.profiles)), "revision": .number(JSONNumber(report.revision)),
            "checks": .array(report.checks.map { $0.document() }), "kept": .array(report.kept.map(shown)),
            "unavailable_ms": .milliseconds(report.unavailableNs), "duration_ms": .milliseconds(report.durationNs),
        ]
    }
}

extension JSONValue {
    /// Nanoseconds as milliseconds with three decimals.
    static func milliseconds(_ nanoseconds: UInt64) -> JSONValue {
        JSONNumber(Double(nanoseconds / 1000) / 1000).map { .number($0) } ?? .null
    }
}

extension RequestContext {
    /// Whether this is one of the operator's own endpoints, where paths are shown and may be named.
    var isOperators: Bool { head.target.path.first == "admin" }

    /// The tenant the request is about; whether it exists is not decided yet.
    func addressedTenant() throws(Problem) -> TenantSlug {
        guard let tenantSlug else { throw Problem.tenantNotFound }
        return tenantSlug
    }

    /// Runs what a tenant's files may refuse; the operator is told the whole reason, with paths.
    func tellingOperator<Value: Sendable>(
        _ body: () async throws(RegistryError) -> Value
    ) async throws(Problem) -> Value {
        do {
            return try await body()
        } catch {
            var problem = Problem(error)
            if isOperators { problem.message = error.message }
            throw problem
        }
    }
}
