internal import HTTPServer
internal import Profiles

/// Decides whose request this is before anything else looks at it (`gateway.md §2`, `§3`, `§9`).
///
/// With an operator key every request needs it. Without one the gateway serves loopback clients only, as `admin`, and
/// refuses what a browser on a foreign page, a rebound name or an unannounced proxy would send.
///
/// The token of the lock file makes this machine's command line the operator in either mode. It is good only on a
/// connection from this machine that no proxy forwarded, and it skips none of the rules of the keyless mode.
struct Door: Sendable {
    let operatorKey: Secret?
    let localToken: Secret?
    let trustedProxies: [AddressRange]

    /// The caller of a request to a tenant.
    ///
    /// - Parameter isTenantExplicit: the path, a trusted header or the host named the tenant; the operator key opens
    ///   only what is addressed explicitly.
    /// - Throws: `Problem` 401, 403, or 400 `tenant_required`.
    func admit(_ head: RequestHead, client: EffectiveClient, isTenantExplicit: Bool) throws(Problem) -> Principal {
        let caller = try identify(head, client: client)
        guard isTenantExplicit || operatorKey == nil else {
            throw Problem.badRequest(
                "the operator key acts only on a tenant that is named: use the path /t/{tenant}/…",
                code: "tenant_required")
        }
        return caller.principal
    }

    /// The caller of a request to the operator's own endpoints, `/admin` (`gateway.md §9`).
    ///
    /// The keyless mode opens tenants, not these: they take the operator key or this machine's token.
    ///
    /// - Throws: `Problem` 401 or 403.
    func admitOperator(_ head: RequestHead, client: EffectiveClient) throws(Problem) -> Principal {
        let caller = try identify(head, client: client)
        guard case .keyless = caller else { return caller.principal }
        if Self.credential(in: head.headers) != nil { throw Self.invalidKey }
        throw Problem(
            .unauthorized, code: "missing_api_key",
            "this needs the operator key; without one, the commands of profile-gateway on this machine can do it")
    }

    private enum Caller {
        /// Anybody on this machine, while there is no key.
        case keyless
        case localTool, operatorKey

        var principal: Principal {
            switch self {
            case .keyless: Principal(role: .admin, actor: "web-chat")
            case .localTool: Principal(role: .admin, actor: "operator", source: "cli")
            case .operatorKey: Principal(role: .admin, actor: "operator")
            }
        }
    }

    private func identify(_ head: RequestHead, client: EffectiveClient) throws(Problem) -> Caller {
        let presented = Self.credential(in: head.headers)
        if let presented, let localToken, localToken.matches(presented.utf8) {
            try requireDirect(head)
            if operatorKey == nil { try requireLocal(head, isLoopback: true, client: client) }
            return .localTool
        }
        guard let operatorKey else {
            try requireLocal(head, isLoopback: client.isLoopback, client: client)
            return .keyless
        }
        guard let presented else {
            throw Problem(
                .unauthorized, code: "missing_api_key",
                "an API key is required: send it as \"Authorization: Bearer …\" or \"x-api-key\"")
        }
        guard operatorKey.matches(presented.utf8) else { throw Self.invalidKey }
        return .operatorKey
    }

    private static var invalidKey: Problem {
        Problem(.unauthorized, code: "invalid_api_key", "the API key is not valid")
    }

    /// The key a client presents; `Authorization` wins over `x-api-key`.
    private static func credential(in headers: HeaderFields) -> String? {
        if let authorization = headers["Authorization"] {
            let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            return String(parts[1]).trimmingBlanks
        }
        return headers["x-api-key"]
    }

    /// The token was read from a file of this machine, so it comes from here and through nobody's hands.
    private func requireDirect(_ head: RequestHead) throws(Problem) {
        let isFromHere = head.remoteAddress == .unix || head.remoteAddress.isLoopback
        guard isFromHere, Self.forwardingHeader(in: head.headers) == nil else {
            throw Problem.forbidden(
                "the token of the lock file is taken only on a loopback or Unix socket connection without a proxy; "
                    + "add a loopback address or unix:PATH to listen", code: "local_token_refused")
        }
    }

    /// The rules of the keyless mode (`gateway.md §2`): DNS rebinding, CSRF, a proxy nobody told us of.
    private func requireLocal(_ head: RequestHead, isLoopback: Bool, client: EffectiveClient) throws(Problem) {
        guard isLoopback else {
            throw Problem.forbidden(
                "without an operator key only clients on this machine are served", code: "loopback_only")
        }
        if head.headers.withValue("Host", Self.isLoopbackName) == false {
            throw Problem.forbidden(
                "Host \((head.headers["Host"] ?? "").debugDescription) is no loopback name; "
                    + "without an operator key only loopback is served", code: "foreign_host", param: "Host")
        }
        if let origin = head.headers["Origin"], !Self.isLoopbackOrigin(origin) {
            throw Problem.forbidden(
                "requests from the foreign origin \(origin.debugDescription) are refused", code: "foreign_origin",
                param: "Origin")
        }
        guard !client.isViaTrustedProxy else { return }
        if let name = Self.forwardingHeader(in: head.headers) {
            throw Problem.forbidden(
                "\(name) says that a proxy is in front, and no trusted_proxies are configured",
                code: "untrusted_proxy", param: name)
        }
    }

    private static func forwardingHeader(in headers: HeaderFields) -> String? {
        for name in ["Forwarded", "X-Real-IP", "Via"] where headers.contains(name) { return name }
        return headers.firstName(withPrefix: "X-Forwarded-")
    }

    /// The usual names are told by their bytes alone: this is asked of every request in keyless mode.
    private static func isLoopbackName(_ host: UnsafeBufferPointer<UInt8>) -> Bool {
        for name: StaticString in ["127.0.0.1", "localhost", "[::1]"] {
            let known = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            guard host.count >= known.count, host.prefix(known.count).elementsEqual(known) else { continue }
            if host.count == known.count || host[known.count] == UInt8(ascii: ":") { return true }
        }
        return isLoopbackName(String(decoding: host, as: UTF8.self))
    }

    /// True for `localhost`, `*.localhost`, 127.0.0.0/8 and `[::1]`, with or without a port.
    static func isLoopbackName(_ host: String) -> Bool {
        var name = host.lowercased()
        if name.hasPrefix("[") {
            return name.prefix { $0 != "]" }.dropFirst() == "::1"
        }
        if let colon = name.firstIndex(of: ":") { name = String(name[..<colon]) }
        if name.hasSuffix(".") { name.removeLast() }
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        return SocketAddress(parsing: name)?.isLoopback ?? false
    }

    private static func isLoopbackOrigin(_ origin: String) -> Bool {
        guard let colon = origin.firstIndex(of: ":"), origin[colon...].hasPrefix("://") else { return false }
        return isLoopbackName(String(origin[colon...].dropFirst(3)))
    }
}
