internal import HTTPServer
internal import Profiles
internal import Tenants

/// The `chat_profile` cookie: `registry/profile`, or a bare profile of the default registry (`gateway.md §5`).
struct ProfileCookie: Sendable {
    static let name = "chat_profile"

    private let raw: String

    /// Nil when the request carries none.
    init?(_ headers: HeaderFields) {
        for header in headers.values("Cookie") {
            for pair in header.split(separator: ";") {
                let parts = String(pair).trimmingBlanks.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, parts[0] == Self.name else { continue }
                var value = String(parts[1])
                if value.hasPrefix("\""), value.hasSuffix("\""), value.count >= 2 {
                    value = String(value.dropFirst().dropLast())
                }
                guard !value.isEmpty else { return nil }
                raw = value
                return
            }
        }
        return nil
    }

    /// What a cookie comes to for one request.
    enum Choice: Sendable {
        case profile(ProfileEntry)
        /// A profile there is, of another registry than the request asks for: it says nothing this time.
        case elsewhere
        /// Malformed or stale: the answer expires the cookie.
        case nothing
    }

    /// - Throws: `Problem` 503 for a bare profile while the default registry cannot be known.
    func choice(in snapshot: Snapshot, explicitRegistry: RegistrySlug?) throws(Problem) -> Choice {
        let parts = raw.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last, let profile = try? ProfileSlug(validating: String(last)) else {
            return .nothing
        }
        let registry: RegistrySlug
        if parts.count == 2 {
            guard let named = try? RegistrySlug(validating: String(parts[0])) else { return .nothing }
            registry = named
        } else {
            do throws(RegistryError) { registry = try snapshot.defaultRegistry } catch { throw Problem(error) }
        }
        guard let entry = snapshot.registry(registry)?.profile(profile) else { return .nothing }
        if let explicitRegistry, explicitRegistry != registry { return .elsewhere }
        return .profile(entry)
    }

    /// The `Set-Cookie` value that selects `entry`, or that expires the cookie when `entry` is nil.
    static func setCookie(_ entry: ProfileEntry?, for context: RequestContext) -> String {
        var path = "/"
        if context.isTenantInPath, let tenant = context.tenantSlug { path = "/t/\(tenant.rawValue)/" }
        let value = entry.map { "\($0.registry.rawValue)/\($0.slug.rawValue)" } ?? ""
        var cookie = "\(name)=\(value); Path=\(path); HttpOnly; SameSite=Lax"
        if entry == nil { cookie += "; Max-Age=0" }
        // Browsers drop a Secure cookie on plain HTTP except for loopback hosts.
        let isLoopbackHost = context.head.headers["Host"].map(Door.isLoopbackName) ?? false
        if context.client.isSecure || isLoopbackHost { cookie += "; Secure" }
        return cookie
    }
}
