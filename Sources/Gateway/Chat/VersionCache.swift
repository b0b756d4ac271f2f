internal import Profiles
internal import Synchronization
internal import Tenants

/// Earlier versions of profiles that chats name (`slug@version`), read from the history once and then kept.
///
/// A version never changes; the file's epoch is part of its name, so that a restored file's versions are read anew.
final class VersionCache: Sendable {
    private static let maximumBytes = 16 << 20

    private struct Key: Hashable {
        let tenant: TenantSlug
        let epoch: UInt64
        let profile: ProfileID
        let version: UInt64
    }

    private struct State {
        var entries: [Key: ProfileEntry] = [:]
        var bytes = 0
    }

    private let state = Mutex(State())

    /// The named version of a profile that exists.
    ///
    /// - Throws: `Problem` 404 when there is no such version, or it is a deletion; `RegistryError`.
    func entry(_ pin: Selection.Pin, of current: ProfileEntry, in tenant: Tenant) async throws -> ProfileEntry {
        let profile = ProfileID(registry: current.registry, profile: current.slug)
        let key = Key(tenant: tenant.slug, epoch: current.epoch, profile: profile, version: pin.version)
        if let known = state.withLock({ $0.entries[key] }) { return known }
        let entry = try await Self.load(pin, of: current, in: tenant)
        // About what it occupies.
        let cost = 512 + 2 * entry.stored.count
        return state.withLock { state in
            if let known = state.entries[key] { return known }
            if state.bytes + cost > Self.maximumBytes { state = State() }
            state.entries[key] = entry
            state.bytes += cost
            return entry
        }
    }

    /// The same, read from the history.
    static func load(
        _ pin: Selection.Pin, of current: ProfileEntry, in tenant: Tenant
    ) async throws -> ProfileEntry {
        func missing(_ reason: String) -> Problem {
            Problem.notFound(
                "profile not found: \(pin.name.debugDescription): \(reason) (the current version is \(current.version))",
                code: "version_not_found", param: pin.param)
        }
        let found: HistoryEntry
        do throws(RegistryError) {
            found = try await tenant.version(pin.version, of: current.slug, in: current.registry)
        } catch .versionNotFound {
            throw missing("there is no such version")
        } catch .noVersions(_, let source) {
            throw missing("its registry is mounted from read-only \(source) and has no versions")
        }
        guard let entry = try found.profileEntry(epoch: current.epoch) else {
            throw missing("that version is a deletion")
        }
        return entry
    }
}
