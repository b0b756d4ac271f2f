internal import HTTPServer
internal import Profiles
internal import Tenants

/// What a chat request asks for, before it is looked up (`gateway.md §7`, origin 4.1).
///
/// The first source that says something is final: a profile that is named and does not exist is an error, never a reason
/// to look further. Only the cookie is different: a stale or malformed one is ignored and expired.
struct Selection: Sendable {
    /// The sources of a profile's name, in the order of precedence.
    struct Sources: Sendable {
        var path: String?
        var bodyProfile: String?
        var bodyRegistry: String?
        /// OpenAI's `model`: `slug`, `registry/slug`, `registry/slug@version`.
        var model: String?
        /// OpenAI's reusable prompt, in the forms of `model`; as deliberate as `profile`.
        var prompt: String?
        /// The version of whichever profile is selected; only `/api/chat/resolve` takes one.
        var version: UInt64?
    }

    /// The profile that answers.
    struct Selected: Sendable {
        let registry: RegistrySnapshot
        var entry: ProfileEntry
        /// The request carried a `chat_profile` cookie that names nothing; the answer expires it.
        let expiresCookie: Bool
        /// The request names another version than the current one (`slug@version`).
        var pin: Pin?
    }

    /// A version as the request names it; whether there is one, only the history knows.
    struct Pin: Sendable {
        let version: UInt64
        /// The name with the version, and the member of the request it stands in.
        let name: String
        let param: String
    }

    private let sources: Sources
    private let head: RequestHead
    /// The tenant's names for models (`gateway.md §8`).
    private let modelAliases: [String: String]
    /// Whether a model that names no profile means the default one.
    private let takesUnknownModels: Bool

    init(sources: Sources, for context: RequestContext) {
        self.sources = sources
        head = context.head
        let tenant = context.tenantSlug.flatMap { context.services.configuration.tenant($0) }
        modelAliases = tenant?.modelAliases ?? [:]
        takesUnknownModels = tenant?.unknownModel == .default
    }

    /// - Throws: `Problem` 400 for a malformed name, 404 for an unknown registry or profile, 503 while the registry that is
    ///   meant where none is named cannot be known.
    func resolve(in snapshot: Snapshot) throws(Problem) -> Selected {
        let target = head.target
        let registryName = given(sources.bodyRegistry) ?? given(target.query("registry"))
        let registry = try registryName.map { (raw) throws(Problem) in try Self.registrySlug(raw) }

        if let raw = given(sources.path) ?? given(sources.bodyProfile) {
            return try named(raw, form: .slug, registry: registry, snapshot)
        }
        if let raw = given(sources.prompt) {
            return try named(raw, form: .prompt, registry: registry, snapshot)
        }
        if let raw = given(head.headers["X-Profile"]) {
            return try named(raw, form: .qualified, registry: registry, snapshot)
        }
        if let raw = given(target.query("profile")) ?? given(target.query("runtime")) {
            return try named(raw, form: .slug, registry: registry, snapshot)
        }
        if let registry { _ = try Self.registry(registry, in: snapshot) }
        if let raw = given(sources.model) { return try model(raw, registry: registry, snapshot) }
        switch try ProfileCookie(head.headers)?.choice(in: snapshot, explicitRegistry: registry) {
        case .profile(let entry):
            return Selected(
                registry: try Self.registry(entry.registry, in: snapshot), entry: entry, expiresCookie: false)
        case .nothing: return try Self.defaultProfile(of: registry, in: snapshot, expiresCookie: true)
        case .elsewhere, nil: return try Self.defaultProfile(of: registry, in: snapshot, expiresCookie: false)
        }
    }

    /// The profile that a chat with this model, and nothing else that selects, is answered by.
    ///
    /// - Throws: `Problem` 404 for a name that is no profile, no alias, and not taken for the default profile.
    func resolveModel(_ raw: String, in snapshot: Snapshot) throws(Problem) -> Selected {
        try model(given(raw) ?? "default", registry: nil, snapshot)
    }

    /// A model named `default` asks for the default profile, whatever a cookie says.
    private func model(
        _ raw: String, registry: RegistrySlug?, _ snapshot: Snapshot
    ) throws(Problem) -> Selected {
        if raw == "default" { return try Self.defaultProfile(of: registry, in: snapshot, expiresCookie: false) }
        do throws(Problem) {
            return try named(modelAliases[raw] ?? raw, form: .model, registry: registry, snapshot)
        } catch  where takesUnknownModels && error.code == "model_not_found" {
            return try Self.defaultProfile(of: registry, in: snapshot, expiresCookie: false)
        }
    }

    private enum Form {
        case slug, qualified, model, prompt

        /// Whether a version may follow the name.
        var takesVersion: Bool { self == .model || self == .prompt }

        /// The member of the request that is to blame for the name.
        var param: String {
            switch self {
            case .slug, .qualified: "profile"
            case .model: "model"
            case .prompt: "prompt.id"
            }
        }
    }

    private func given(_ raw: String?) -> String? {
        guard let raw = raw?.trimmingBlanks, !raw.isEmpty else { return nil }
        return raw
    }

    private func named(
        _ raw: String, form: Form, registry: RegistrySlug?, _ snapshot: Snapshot
    ) throws(Problem) -> Selected {
        var name = raw[...]
        var version: UInt64?
        if form.takesVersion, let at = name.lastIndex(of: "@") {
            guard let number = UInt64(name[name.index(after: at)...]) else { throw Self.unknown(raw, form) }
            version = number
            name = name[..<at]
        }
        var registrySlug = registry
        if form != .slug, let slash = name.firstIndex(of: "/") {
            let qualified: RegistrySlug
            if form.takesVersion {
                // Names of models have slashes of their own (`openai/gpt-4o`): one that names no registry names no
                // profile either.
                guard let known = try? RegistrySlug(validating: String(name[..<slash])),
                    snapshot.registry(known) != nil
                else { throw Self.unknown(raw, form) }
                qualified = known
            } else {
                qualified = try Self.registrySlug(String(name[..<slash]), param: "profile")
            }
            if let registry, registry != qualified {
                throw Problem.badRequest(
                    "\(raw.debugDescription) and registry \(registry.rawValue.debugDescription) disagree",
                    code: "selection_conflict", param: form.param)
            }
            registrySlug = qualified
            name = name[name.index(after: slash)...]
        }
        let home = try Self.home(
            registrySlug, in: snapshot, param: registrySlug == registry ? "registry" : form.param)
        let slug: ProfileSlug
        do {
            slug = try ProfileSlug(validating: String(name))
        } catch {
            if form.takesVersion { throw Self.unknown(raw, form) }
            throw Problem.badRequest("invalid profile: \(raw)", code: "invalid_profile", param: "profile")
        }
        guard let entry = home.profile(slug) else {
            if form.takesVersion { throw Self.unknown(raw, form) }
            throw Problem.notFound("profile not found: \(name)", code: "profile_not_found", param: "profile")
        }
        var selected = Selected(registry: home, entry: entry, expiresCookie: false)
        if let version, entry.version != version {
            selected.pin = Pin(version: version, name: raw, param: form == .prompt ? "prompt.version" : "model")
        }
        return selected
    }

    private static func registrySlug(_ raw: String, param: String = "registry") throws(Problem) -> RegistrySlug {
        do {
            return try RegistrySlug(validating: raw)
        } catch {
            throw Problem.badRequest("invalid registry: \(raw)", code: "invalid_registry", param: param)
        }
    }

    private static func registry(
        _ slug: RegistrySlug, in snapshot: Snapshot, param: String = "registry"
    ) throws(Problem) -> RegistrySnapshot {
        do {
            return try snapshot.usableRegistry(slug)
        } catch {
            var problem = Problem(error)
            if problem.param != nil { problem.param = param }
            throw problem
        }
    }

    /// The named registry, or the default one.
    private static func home(
        _ named: RegistrySlug?, in snapshot: Snapshot, param: String = "registry"
    ) throws(Problem) -> RegistrySnapshot {
        if let named { return try registry(named, in: snapshot, param: param) }
        do throws(RegistryError) {
            return try snapshot.usableRegistry(try snapshot.defaultRegistry)
        } catch {
            throw Problem(error)
        }
    }

    private static func unknown(_ raw: String, _ form: Form) -> Problem {
        Problem.notFound(
            "profile not found: the \(form == .prompt ? "prompt" : "model") \(raw.debugDescription) names no profile; "
                + "GET /v1/models lists them",
            code: "model_not_found", param: form.param)
    }

    private static func defaultProfile(
        of named: RegistrySlug?, in snapshot: Snapshot, expiresCookie: Bool
    ) throws(Problem) -> Selected {
        let registry = try home(named, in: snapshot)
        guard let entry = registry.defaultProfile else {
            throw Problem.notFound(
                "profile not found: registry \(registry.slug.rawValue.debugDescription) has no default profile",
                code: "profile_not_found", param: "profile")
        }
        return Selected(registry: registry, entry: entry, expiresCookie: expiresCookie)
    }
}
