internal import HTTPServer
internal import Profiles

/// Which tenant a request names, and how (`gateway.md §3`).
struct TenantAddressing: Sendable {
    let hostSuffix: String?
    let defaultTenant: TenantSlug?

    /// The addressed tenant and the path that is left for the router.
    struct Address: Sendable {
        var tenant: TenantSlug?
        var isExplicit: Bool
        var isInPath: Bool
        var path: ArraySlice<String>
    }

    /// - Throws: `Problem` 400 when path, header and host name different tenants.
    func address(_ head: RequestHead, client: EffectiveClient) throws(Problem) -> Address {
        let path = head.target.path
        var named: [(source: String, raw: String)] = []
        var rest = path[...]
        if path.count >= 2, path[0] == "t" {
            named.append(("path", path[1]))
            rest = path[2...]
        }
        if client.isViaTrustedProxy, let header = head.headers["X-Tenant"]?.trimmingBlanks, !header.isEmpty {
            named.append(("X-Tenant header", header))
        }
        if let label = hostLabel(head, client: client) { named.append(("host", label)) }

        guard let first = named.first else {
            return Address(tenant: defaultTenant, isExplicit: false, isInPath: false, path: rest)
        }
        for other in named.dropFirst() where other.raw != first.raw {
            throw Problem.badRequest(
                "the \(first.source) names tenant \(first.raw.debugDescription) and the \(other.source) names "
                    + "\(other.raw.debugDescription): name one", code: "tenant_conflict")
        }
        let isInPath = rest.startIndex == 2
        guard let slug = try? TenantSlug(validating: first.raw) else {
            // A malformed name is answered like an unknown tenant, so it tells nothing about which exist.
            return Address(tenant: nil, isExplicit: true, isInPath: isInPath, path: rest)
        }
        return Address(tenant: slug, isExplicit: true, isInPath: isInPath, path: rest)
    }

    /// The label in front of `tenant_host_suffix`; trusted proxies may say the host in `X-Forwarded-Host`.
    private func hostLabel(_ head: RequestHead, client: EffectiveClient) -> String? {
        guard let hostSuffix else { return nil }
        let forwarded = client.isViaTrustedProxy ? head.headers["X-Forwarded-Host"] : nil
        guard var host = (forwarded ?? head.headers["Host"])?.lowercased() else { return nil }
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") { host = String(host[..<colon]) }
        guard host.hasSuffix("." + hostSuffix.lowercased()) else { return nil }
        let label = host.dropLast(hostSuffix.count + 1)
        return label.isEmpty || label.contains(".") ? nil : String(label)
    }
}
