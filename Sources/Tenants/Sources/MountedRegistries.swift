import JSON
import Profiles

/// The registries a tenant has from its sources, at one moment; part of every snapshot, beside the tenant's own.
struct MountedRegistries: Sendable {
    var registries = SortedList<RegistrySnapshot>()
    /// The registry that is meant where none is named: the first of the last source that has any (origin 5.4).
    var top: RegistrySlug?
    /// The source that may have it instead of `top`, and of which nothing usable is known: nobody can say which it is.
    var undecided: SourceProblem?
    var problems: [SourceProblem] = []

    static let none = MountedRegistries()

    /// Changes with the content, for entity tags of lists.
    var fingerprint: UInt64 {
        registries.reduce(0) { $0 &* 31 &+ ($1.epoch ^ ($1.mount?.problem?.fingerprint ?? 0)) }
    }
}

/// A source that is not as it should be: what it last said well, if it ever did, is still served.
package struct SourceProblem: Sendable, Equatable {
    package let label: String
    /// For logs and the operator's eyes, as `reason`, which may name paths.
    package let path: String
    package let reason: String
    /// The same for a tenant's eyes: never where the file lies.
    package let shownReason: String
    /// Counted from 1.
    package let line: Int?

    /// `private.yaml, line 3: …`, for a tenant's eyes.
    package var message: String { label + (line.map { ", line \($0)" } ?? "") + ": " + shownReason }

    /// Changes with the message, for entity tags of what shows it.
    var fingerprint: UInt64 { message.utf8.fingerprint }
}

/// Where a mounted registry comes from.
package struct RegistryMount: Sendable, Equatable {
    package let label: String
    /// Why the file's present content is not what is served.
    package let problem: SourceProblem?
}

extension RegistrySnapshot {
    /// A registry of a source. Its revision is always 1; the epoch is a digest of its content, so that a tag means the
    /// same content on every start.
    static func mounted(_ document: RegistryDocument, _ mount: RegistryMount) -> RegistrySnapshot {
        let registry = document.registry
        let stored = registry.storedDocument().encoded()
        let whole = registry.storedDocument(with: document.profiles).encoded()
        let epoch = whole.fingerprint
        let entries = document.profiles.map { profile in
            ProfileEntry(
                profile, registry: registry.slug, isDefault: registry.defaultProfileSlug == profile.slug, revision: 1,
                epoch: epoch)
        }
        return RegistrySnapshot(
            registry, revision: 1, epoch: epoch, updatedAtMs: registry.metadata.updatedAtMs, stored: stored,
            entries: SortedList(sorted: entries), stacked: SortedList(sorted: entries.filter { !$0.stack.isEmpty }),
            mount: mount)
    }

    /// A registry of which nothing usable is known.
    static func damaged(_ slug: RegistrySlug, _ problem: SourceProblem) -> RegistrySnapshot {
        RegistrySnapshot(
            Registry(slug: slug),
            state: .damaged(
                RegistryError.Damage(
                    table: RegistryError.Damage.source, row: problem.label,
                    column: problem.line.map { "line \($0)" } ?? "file",
                    reason: problem.shownReason)),
            revision: 1, epoch: 0, updatedAtMs: 0, stored: [], entries: SortedList(), stacked: SortedList(),
            mount: RegistryMount(label: problem.label, problem: problem))
    }
}

extension Sequence where Element == UInt8 {
    /// FNV-1a: the same on every start.
    fileprivate var fingerprint: UInt64 {
        reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

/// A tenant's own content and what is mounted beside it, as resolution sees them. What is the tenant's own wins.
struct TenantLookup: ProfileLookup {
    let content: TenantContent
    let mounted: MountedRegistries

    func registry(_ slug: RegistrySlug) -> RegistrySnapshot? {
        content.registries[slug.rawValue] ?? mounted.registries[slug.rawValue]
    }

    func hasRegistry(_ slug: RegistrySlug) -> Bool { registry(slug)?.state == .ok }

    func profile(_ id: ProfileID) -> Profile? {
        registry(id.registry)?.resolvable(id.profile)
    }

    /// A mounted profile cannot be mended by a tenant, so it keeps nobody from writing: only the own ones count.
    var stackedProfiles: [ProfileID] { content.stackedProfiles }
}
