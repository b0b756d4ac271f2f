import Profiles
import Synchronization

/// One tenant's sources: what they said when last read well, and whether they have changed since.
///
/// `mounted` may be taken by any thread; looking and reading is the worker's, on a thread that may block.
final class SourceMounts: Sendable {
    private struct Slot {
        let source: RegistrySource
        /// The files as they were when last looked at; nil before that.
        var seen: [FileIdentity?]?
        /// Nil until it is read well for the first time.
        var documents: [RegistryDocument]?
        var failure: SourceFailure?
    }

    private struct State {
        var slots: [Slot]
        var mounted = MountedRegistries.none
        /// The tenant's own registries when that was mounted; nil before.
        var own: Set<String>?
    }

    private let state: Mutex<State>
    private let tenant: String
    private let environment: TenantEnvironment
    private let files: SourceFiles

    init(_ sources: [RegistrySource], tenant: String, files: SourceFiles, environment: TenantEnvironment) {
        state = Mutex(State(slots: sources.map { Slot(source: $0) }))
        self.tenant = tenant
        self.files = files
        self.environment = environment
    }

    var mounted: MountedRegistries { state.withLock { $0.mounted } }

    /// Whether a file is another than when it was last read; by `stat`, reads nothing.
    func isChanged() -> Bool {
        let slots = state.withLock { $0.slots }
        return slots.contains { $0.seen != files.identities(of: $0.source) }
    }

    /// Reads what has changed, and mounts it anew also when the tenant's own registries are others than before: a restore
    /// may bring one that a source has too, or make room for one. A file that cannot be read well leaves what it last
    /// said in force.
    ///
    /// - Parameter own: the registries that are the tenant's own; a source must not have one of the same name.
    func reload(beside own: TenantContent) {
        var (slots, before) = state.withLock { ($0.slots, $0.own) }
        let names = Set(own.registries.map(\.key))
        var isChanged = names != before
        for index in slots.indices {
            // Before the reading: what is written meanwhile shows at the next look.
            let seen = files.identities(of: slots[index].source)
            guard slots[index].seen != seen else { continue }
            slots[index].seen = seen
            isChanged = true
            do throws(SourceFailure) {
                slots[index].documents = try files.read(slots[index].source)
                slots[index].failure = nil
                log(.info, "source read", slots[index].source, [])
            } catch {
                if slots[index].failure != error {
                    let line = error.line.map { [("line", "\($0)")] } ?? []
                    log(
                        .error, "source cannot be used; what it last said stays", slots[index].source,
                        line + [("reason", error.reason)])
                }
                slots[index].failure = error
                // Without a change of the file, too, the next look reads it again.
                if error.mayPass { slots[index].seen = nil }
            }
        }
        guard isChanged else { return }
        var mounted = Self.mount(slots, beside: own)
        if !files.reading.takesDefault { (mounted.top, mounted.undecided) = (nil, nil) }
        let known = state.withLock { [mounted] state in
            defer { state = State(slots: slots, mounted: mounted, own: names) }
            return state.mounted.problems
        }
        for problem in mounted.problems where !known.contains(problem) && problem.isDuplicate {
            environment.log(
                TenantEvent(
                    .error, "source has a registry that is there already", tenant: tenant,
                    [
                        ("path", problem.path), ("reason", problem.reason),
                    ]))
        }
    }

    private static func mount(_ slots: [Slot], beside own: TenantContent) -> MountedRegistries {
        var mounted = MountedRegistries()
        for slot in slots {
            let problem = slot.failure.map { failure in
                SourceProblem(
                    label: slot.source.label, path: slot.source.path, reason: failure.reason,
                    shownReason: failure.shownReason, line: failure.line)
            }
            if let problem { mounted.problems.append(problem) }
            let mount = RegistryMount(label: slot.source.label, problem: problem)
            var snapshots = (slot.documents ?? []).map { RegistrySnapshot.mounted($0, mount) }
            if let problem, snapshots.isEmpty {
                snapshots = (slot.failure?.registries ?? []).map { RegistrySnapshot.damaged($0, problem) }
            }
            var first: RegistrySlug?
            for snapshot in snapshots {
                guard own.registries[snapshot.key] == nil, mounted.registries[snapshot.key] == nil else {
                    mounted.problems.append(.duplicate(snapshot.slug, of: slot.source))
                    continue
                }
                mounted.registries.put(snapshot)
                if first == nil { first = snapshot.slug }
            }
            if let first {
                (mounted.top, mounted.undecided) = (first, nil)
            } else if slot.documents == nil, snapshots.isEmpty {
                mounted.undecided = problem
            }
        }
        return mounted
    }

    private func log(
        _ level: TenantEvent.Level, _ message: String, _ source: RegistrySource, _ details: [(String, String)]
    ) {
        environment.log(
            TenantEvent(
                level, message, tenant: tenant,
                [(key: "path", value: source.path)] + details.map { (key: $0.0, value: $0.1) }))
    }
}

extension SourceProblem {
    private static let duplicatePhrase = "duplicate registry slug"

    fileprivate static func duplicate(_ slug: RegistrySlug, of source: RegistrySource) -> SourceProblem {
        let reason = "\(duplicatePhrase) \"\(slug)\" across profile registry sources; this one is not served"
        return SourceProblem(
            label: source.label, path: source.path, reason: reason, shownReason: reason, line: nil)
    }

    fileprivate var isDuplicate: Bool { reason.hasPrefix(Self.duplicatePhrase) }
}
