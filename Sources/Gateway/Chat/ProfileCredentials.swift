internal import HTTPServer
internal import JSON
internal import Profiles
internal import Upstreams

/// The provider credential a profile's settings name, and where it may go (`gateway.md §9`).
///
/// Profiles name the operator's secrets; a secret is sent only to the upstreams it is configured for, and only for
/// tenants it names. Literal keys exist in files of the origin, and go to the upstream that the profile chose. A
/// fallback is another provider: it gets its own key, unless the profile's secret is configured for it too.
struct ProfileCredentials: Sendable {
    private let settings: JSONObject
    private let secrets: [ProviderSecret]
    private let tenant: TenantSlug?

    init(_ settings: JSONObject, secrets: [ProviderSecret], tenant: TenantSlug?) {
        self.settings = settings
        self.secrets = secrets
        self.tenant = tenant
    }

    /// The credential in place of the chosen upstream's own; nil when the profile names none.
    ///
    /// - Throws: `Problem` 502 for a secret that does not exist or is not for this tenant or upstream.
    func credential(for upstream: any Upstream) throws(Problem) -> Credential? {
        guard let (path, text) = named(for: upstream.api) else { return nil }
        guard LiteralKeys.isReference(text) else { return Credential(text) }
        guard let secret = secret(text), secret.upstreams.contains(upstream.name) else {
            throw Problem(
                .badGateway, code: "credential_unavailable",
                "the profile names \(text.debugDescription), which is no secret for this tenant and upstream "
                    + "\(upstream.name.debugDescription)",
                param: "runtime.step_settings_patch.\(path)")
        }
        return Credential(secret.value.reveal())
    }

    /// The credential in place of a fallback's own; nil when the profile names none that is configured for it.
    func credential(forFallback upstream: any Upstream) -> Credential? {
        guard let (_, text) = named(for: upstream.api), LiteralKeys.isReference(text), let secret = secret(text),
            secret.upstreams.contains(upstream.name)
        else { return nil }
        return Credential(secret.value.reveal())
    }

    /// The secret a reference names, if it is this tenant's.
    private func secret(_ reference: String) -> ProviderSecret? {
        let name = String(reference.dropFirst("secret:".count))
        guard let tenant, let secret = secrets.first(where: { $0.name == name }), secret.tenants.contains(tenant)
        else { return nil }
        return secret
    }

    private func named(for api: String) -> (path: String, text: String)? {
        let section = "\(api)-chat"
        let field = "\(api)-api-key"
        guard let text = settings[section]?[field]?.stringValue, !text.isEmpty else { return nil }
        return ("\(section).\(field)", text)
    }
}
