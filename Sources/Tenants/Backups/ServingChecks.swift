import JSON
import Profiles
import SQLite

/// The runbook's step 5 on a file that is about to serve, or has just begun to: the list, the default, a stale version
/// refused, a profile and a registry resolved.
struct ServingChecks {
    let content: TenantContent
    /// What its profiles may be layered on besides.
    var mounted = MountedRegistries.none

    /// Every check; `refusesStale` tries the stale change in a transaction that is rolled back.
    func run(refusesStale: (RegistrySlug, ProfileEntry) throws(RegistryError) -> Bool) -> [HealthCheck] {
        [list, defaults, staleVersion(refusesStale), resolution]
    }

    /// Every document could be read.
    var list: HealthCheck {
        let damages = StoredContent(content).damages
        if let damage = damages.first {
            return HealthCheck(
                "list", .failed, RegistryError.damaged(damage).message,
                advice: "repair the row in the backup, or restore a cleaner one")
        }
        guard content.registries.first(where: { _ in true }) != nil else {
            return HealthCheck("list", .failed, "there is no registry in it", advice: "restore another backup")
        }
        guard content.registries[RegistrySlug.default.rawValue] != nil else {
            return HealthCheck(
                "list", .warning, "there is no registry \"default\"", advice: "create it, or name another in requests")
        }
        let profiles = content.registries.reduce(0) { $0 + $1.count }
        return HealthCheck("list", .ok, "\(content.registries.count) registries, \(profiles) profiles")
    }

    var defaults: HealthCheck {
        let without = content.registries.filter { !$0.entries.isEmpty && $0.defaultProfile == nil }.map(\.key)
        guard without.isEmpty else {
            return HealthCheck(
                "default", .warning, "no default profile in \(without.joined(separator: ", "))",
                advice: "set one: POST /api/chat/profiles/{slug}/default")
        }
        let named = content.registries.compactMap { registry in
            registry.defaultProfile.map { "\(registry.key)/\($0.slug)" }
        }
        return HealthCheck("default", .ok, named.isEmpty ? "no profiles" : named.prefix(5).joined(separator: ", "))
    }

    private func staleVersion(
        _ refuses: (RegistrySlug, ProfileEntry) throws(RegistryError) -> Bool
    ) -> HealthCheck {
        for registry in content.registries where registry.state == .ok {
            guard let entry = registry.profiles.first else { continue }
            do throws(RegistryError) {
                guard try refuses(registry.slug, entry) else {
                    return HealthCheck(
                        "stale_version", .failed,
                        "a change of \(registry.key)/\(entry.slug) on a stale version was taken")
                }
                return HealthCheck("stale_version", .ok, "a stale change of \(registry.key)/\(entry.slug) was refused")
            } catch {
                return HealthCheck(
                    "stale_version", error.isBusy ? .warning : .failed, error.message)
            }
        }
        return HealthCheck("stale_version", .ok, "no profiles")
    }

    /// Each registry resolves when it is named, and so does a profile of it.
    var resolution: HealthCheck {
        let resolver = Resolver { _ in "" }
        let lookup = TenantLookup(content: content, mounted: mounted)
        var broken: [String] = []
        var resolved = 0
        for registry in content.registries where registry.state == .ok {
            guard let entry = registry.defaultProfile ?? registry.profiles.first else { continue }
            do throws(ResolutionError) {
                _ = try resolver.resolve(ProfileID(registry: registry.slug, profile: entry.slug), in: lookup)
                resolved += 1
            } catch {
                switch error {
                case .validation(let error) where !error.field.hasPrefix("registry.profiles["):
                    // Variables the request has to give.
                    resolved += 1
                case .validation, .policy: broken.append("\(registry.key)/\(entry.slug): \(error)")
                case .registryNotFound, .profileNotFound:
                    return HealthCheck("resolve", .failed, "\(registry.key)/\(entry.slug): \(error)")
                }
            }
        }
        guard broken.isEmpty else {
            return HealthCheck(
                "resolve", .warning, broken.prefix(3).joined(separator: "; "), advice: "mend the profile's stack")
        }
        return HealthCheck("resolve", .ok, "\(resolved) registries resolve by name and profile")
    }
}

extension RegistryStore {
    /// The checks on the file as it is open now; nothing is changed.
    func servingChecks() -> [HealthCheck] {
        ServingChecks(content: content, mounted: sources?.mounted ?? .none).run {
            (registry, entry) throws(RegistryError) in
            let probe = StaleProbe(registry: registry, entry: entry, nowMs: environment.nowMs())
            switch commit([probe]) {
            case .finished(let errors):
                guard case .versionConflict? = errors.first ?? nil else { return false }
                return true
            case .busy: throw .busy(retryAfter: 1)
            case .failed(let error), .unknown(let error): throw error
            }
        }
    }
}

/// A change on a version that is not the current one: the checks refuse it, and so nothing is written.
private struct StaleProbe: PendingWrite {
    let registry: RegistrySlug
    let entry: ProfileEntry
    let context: ChangeContext
    let deadline = ContinuousClock.now

    init(registry: RegistrySlug, entry: ProfileEntry, nowMs: Int64) {
        self.registry = registry
        self.entry = entry
        context = ChangeContext(
            actor: "system", source: "restore", requestID: "", nowMs: nowMs, overridesReadOnly: true)
    }

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        let body: PatchProfileBody
        do throws(ValidationError) {
            body = try PatchProfileBody(decoding: .object([:]), rules: ProfileRules())
        } catch { throw .validation(error) }
        // Not the current one, and not one that says "must not exist" either.
        let stale = Precondition(expectedVersion: entry.version > 1 ? entry.version - 1 : entry.version + 1)
        _ = try transaction.patchProfile(entry.slug, in: registry, body, if: stale)
    }

    func succeed() {}
    func fail(_ error: RegistryError) {}
}
