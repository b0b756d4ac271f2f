internal import HTTPServer
internal import Logging
internal import Profiles
internal import Tenants

/// The composition root: dependencies in, an answering `Responder` out.
///
/// The way of a request (`docs/architecture.md`): request id → effective client → tenant → route → door → role → body →
/// handler → one response. Everything up to the body happens in `admit`, on libmicrohttpd's thread, and touches no disk.
struct Gateway: Responder {
    private let services: Services
    private let door: Door
    private let addressing: TenantAddressing
    private let router: Router

    init(_ services: Services) {
        self.services = services
        let configuration = services.configuration
        door = Door(
            operatorKey: services.operatorKey, localToken: services.localToken,
            trustedProxies: configuration.trustedProxies)
        addressing = TenantAddressing(
            hostSuffix: configuration.tenantHostSuffix, defaultTenant: configuration.defaultTenant)
        router = Router(Routes(chat: ChatService(services)).endpoints)
    }

    func admit(_ head: RequestHead) -> Admission {
        let requestID = RequestID.of(head, services.identifiers)
        do throws(Problem) {
            let admitted = try route(head, requestID: requestID)
            let policy = try BodyRules.policy(for: admitted.endpoint, head, services.configuration)
            if case .read(let handler) = admitted.endpoint.handler, !head.hasBody,
                let response = answerAtOnce(head, admitted, requestID: requestID, handler)
            {
                return .reject(response)
            }
            return .accept(policy) { request in
                guard request.body.count > Self.largeBody else {
                    return await answer(request, admitted, requestID: requestID)
                }
                return await elsewhere { await answer(request, admitted, requestID: requestID) }
            }
        } catch {
            return .reject(finish(error.response(), head, requestID: requestID))
        }
    }

    func failure(_ failure: ServerFailure, head: RequestHead?) -> Response {
        let requestID = head.map { RequestID.of($0, services.identifiers) } ?? services.identifiers.requestID()
        return finish(Problem(failure).response(), head, requestID: requestID)
    }

    /// What the head alone decides.
    private struct Admitted: Sendable {
        var endpoint: Endpoint
        var parameters: PathParameters
        var principal: Principal
        var tenant: TenantSlug?
        var isTenantInPath: Bool
        var client: EffectiveClient
    }

    private func route(_ head: RequestHead, requestID: String) throws(Problem) -> Admitted {
        let client = EffectiveClient(head, trustedProxies: services.configuration.trustedProxies)
        let address = try addressing.address(head, client: client)
        let match = router.match(head.method, address.path)

        if case .found(let endpoint, let parameters) = match, !address.isInPath {
            switch endpoint.access {
            case .tenant, .operator: break
            case .local where !client.isLoopback:
                _ = try door.admit(head, client: client, isTenantExplicit: true)
                fallthrough
            case .local, .open:
                return Admitted(
                    endpoint: endpoint, parameters: parameters, principal: Principal(role: .chat, actor: "anonymous"),
                    tenant: nil, isTenantInPath: false, client: client)
            }
        }
        // Whether a path or a tenant exists is told only to those the door lets in.
        let isForOperator = !address.isInPath && address.path.first == "admin"
        let principal =
            isForOperator
            ? try door.admitOperator(head, client: client)
            : try door.admit(head, client: client, isTenantExplicit: address.isExplicit)
        let (endpoint, parameters) = try found(match, address)
        let tenant: TenantSlug?
        switch endpoint.access {
        case .operator where isForOperator:
            tenant = try Self.tenant(in: parameters)
        case .tenant(let role):
            guard principal.role >= role else {
                throw Problem.forbidden("this needs the role \(role) in the tenant", code: "insufficient_role")
            }
            tenant = try Self.tenant(of: address)
        case .operator, .local, .open:
            throw Self.unknownPath
        }
        return Admitted(
            endpoint: endpoint, parameters: parameters, principal: principal, tenant: tenant,
            isTenantInPath: address.isInPath, client: client)
    }

    private static var unknownPath: Problem { .notFound("there is nothing at this path", code: "unknown_path") }

    /// - Throws: `Problem` 404 or 405.
    private func found(
        _ match: Router.Match, _ address: TenantAddressing.Address
    ) throws(Problem) -> (Endpoint, PathParameters) {
        switch match {
        case .found(let endpoint, let parameters): return (endpoint, parameters)
        case .methodNotAllowed(let allowed) where !address.isInPath || Self.isTenants(address.path):
            var problem = Problem(.methodNotAllowed, code: "method_not_allowed", "method not allowed")
            problem.allow = allowed.map(\.rawValue)
            throw problem
        case .methodNotAllowed, .notFound: throw Self.unknownPath
        }
    }

    /// What also exists under `/t/{tenant}` (`gateway.md §3`).
    private static func isTenants(_ path: ArraySlice<String>) -> Bool {
        path.first.map { ["api", "chat", "v1"].contains($0) } ?? false
    }

    /// The tenant an operator's path names, if it names one.
    private static func tenant(in parameters: PathParameters) throws(Problem) -> TenantSlug? {
        guard let raw = parameters["tenant"] else { return nil }
        guard let slug = TenantSlug(raw) else { throw Problem.tenantNotFound }
        return slug
    }

    private static func tenant(of address: TenantAddressing.Address) throws(Problem) -> TenantSlug {
        if let tenant = address.tenant { return tenant }
        if address.isExplicit { throw Problem.tenantNotFound }
        throw Problem.badRequest(
            "no tenant is named and none is the default: use the path /t/{tenant}/…", code: "tenant_required")
    }

    /// The answer of a tenant that is in memory, without a task; nil where there is something to wait for.
    private func answerAtOnce(
        _ head: RequestHead, _ admitted: Admitted, requestID: String,
        _ handler: @Sendable (RequestContext, Snapshot) throws -> Response
    ) -> Response? {
        let context = context(head, body: [], admitted, requestID: requestID)
        let started = services.clock.monotonic()
        let response: Response
        do {
            guard let snapshot = try context.residentSnapshot() else { return nil }
            response = try handler(context, snapshot)
        } catch {
            response = refusal(error, context, admitted, started)
        }
        return finish(response, head, requestID: requestID)
    }

    /// Reading and rewriting so much takes long enough for the other connections of an event loop to notice.
    private static let largeBody = 256 << 10

    /// Works on the tasks' own threads, cancelled with this task. (`Task.yield` may go on where it was.)
    private func elsewhere(_ work: @escaping @Sendable () async -> Response) async -> Response {
        let task = Task.detached { await work() }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func answer(_ request: Request, _ admitted: Admitted, requestID: String) async -> Response {
        let context = context(request.head, body: request.body, admitted, requestID: requestID)
        let started = services.clock.monotonic()
        let response: Response
        do {
            switch admitted.endpoint.handler {
            case .task(let handler): response = try await handler(context)
            case .read(let handler): response = try handler(context, try await context.snapshot())
            }
        } catch {
            response = refusal(error, context, admitted, started)
        }
        return finish(response, request.head, requestID: requestID)
    }

    private func context(
        _ head: RequestHead, body: [UInt8], _ admitted: Admitted, requestID: String
    ) -> RequestContext {
        RequestContext(
            head: head, body: body, requestID: requestID, parameters: admitted.parameters,
            route: admitted.endpoint.pattern, principal: admitted.principal, tenantSlug: admitted.tenant,
            isTenantInPath: admitted.isTenantInPath,
            client: admitted.client, services: services)
    }

    private func refusal(
        _ error: any Error, _ context: RequestContext, _ admitted: Admitted, _ started: MonotonicTime
    ) -> Response {
        let problem = Problem(any: error) ?? .internalError(requestID: context.requestID)
        log(problem, cause: error, context, admitted, started)
        return problem.response()
    }

    /// One line per failure, with the cause that the client is not told.
    private func log(
        _ problem: Problem, cause: any Error, _ context: RequestContext, _ admitted: Admitted, _ started: MonotonicTime
    ) {
        let level: Logger.Level = problem.status.code >= 500 ? .error : .debug
        guard services.log.logLevel <= level else { return }
        var extra: Logger.Metadata = [
            "status": "\(problem.status.code)", "code": "\(problem.code)",
            "duration_us": "\(services.clock.microseconds(since: started))",
        ]
        extra.merge(problem.logged ?? ["reason": "\(cause)"]) { $1 }
        services.log.log(level: level, "request failed", metadata: context.metadata(extra))
    }

    /// The headers every response carries (`gateway.md §4`).
    private func finish(_ response: Response, _ head: RequestHead?, requestID: String) -> Response {
        var response = response
        response.headers.append("X-Request-Id", requestID)
        response.headers.append("X-Content-Type-Options", "nosniff")
        return response
    }
}

extension RequestContext {
    /// The metadata of a log line about this request; never bodies, keys, cookies or query strings (`gateway.md §9`).
    func metadata(_ extra: Logger.Metadata) -> Logger.Metadata {
        var metadata = extra
        metadata["request.id"] = "\(requestID)"
        metadata["route"] = "\(head.method.rawValue) \(route)"
        if let tenantSlug { metadata["tenant"] = "\(tenantSlug.rawValue)" }
        return metadata
    }
}
