import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// A data directory of its own with tenants in it, and the `sqlite3` shell as the other process.
final class TestTenants: Sendable {
    let scratch: ScratchDirectory
    let data: DataDirectory
    let directory: TenantDirectory
    let events = EventRecorder()

    init(
        in scratch: ScratchDirectory? = nil, configured: [String] = ["default"], clock: Int64? = nil,
        adjust: (inout TenantDirectory.Configuration) -> Void = { _ in }
    ) throws {
        let scratch = try scratch ?? ScratchDirectory()
        self.scratch = scratch
        data = try DataDirectory(creating: scratch.path + "/data", owner: Self.owner)
        var configuration = TenantDirectory.Configuration(
            data: data, configured: Set(configured.compactMap { TenantSlug($0) }))
        adjust(&configuration)
        directory = try TenantDirectory(
            configuration: configuration, environment: Self.environment(events, clock: clock), owner: Self.owner)
    }

    static var owner: OwnershipLock.Owner { OwnershipLock.Owner(pid: getpid()) }

    static func environment(_ events: EventRecorder, clock: Int64? = nil) -> TenantEnvironment {
        TenantEnvironment(
            nowMs: {
                if let clock { return clock }
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
            }, random: { .random(in: 1...UInt64(Int64.max)) }, log: { event in events.add(event) })
    }

    func tenant(_ name: String = "default") async throws -> Tenant {
        try await directory.open(try TenantSlug(validating: name))
    }

    func path(_ name: String = "default") -> String { data.path + "/tenants/\(name)/profiles.db" }

    var context: ChangeContext {
        ChangeContext(actor: "tester", source: "test", requestID: "r1", nowMs: directory.services.environment.nowMs())
    }

    func context(waiting: Duration) -> ChangeContext {
        var context = context
        context.deadline = .now + waiting
        return context
    }
}

final class EventRecorder: Sendable {
    private let events = Mutex<[TenantEvent]>([])

    func add(_ event: TenantEvent) { events.withLock { $0.append(event) } }

    var messages: [String] { events.withLock { $0.map(\.message) } }
}

func named(_ text: String) -> ProfileSlug { ProfileSlug(normalised: text) }

func createBody(_ text: String) throws -> CreateProfileBody {
    try CreateProfileBody(decoding: try JSONValue(parsing: text), rules: ProfileRules())
}

func patchBody(_ text: String) throws -> PatchProfileBody {
    try PatchProfileBody(decoding: try JSONValue(parsing: text), rules: ProfileRules())
}

extension Tenant {
    /// Creates a profile in the default registry.
    @discardableResult
    func create(_ text: String, _ context: ChangeContext, if precondition: Precondition = .none) async throws
        -> ProfileEntry
    {
        let body = try createBody(text)
        return try await transact(context) { (transaction) throws(RegistryError) in
            try transaction.createProfile(body, in: .default, if: precondition)
        }
    }

    @discardableResult
    func patch(
        _ name: String, _ text: String, _ context: ChangeContext, if precondition: Precondition = .none
    ) async throws -> ProfileEntry {
        let body = try patchBody(text)
        return try await transact(context) { (transaction) throws(RegistryError) in
            try transaction.patchProfile(named(name), in: .default, body, if: precondition)
        }
    }

    func entry(_ name: String, in registry: RegistrySlug = .default) throws -> ProfileEntry {
        try current().profile(named(name), in: registry)
    }

    /// Asks for the files to be closed and waits until they are: until the connections say so, since what the worker
    /// noted of them may still be from before a change that was just answered.
    func closeFilesNow() async -> Bool {
        closeFilesEarly()
        return await eventually { store.withLock { !$0.connections.isOpen } }
    }

    func displayName(_ name: String) throws -> String { try entry(name).profile().displayName }
}

/// Waits until the condition holds; returns whether it did.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + Patience.limit
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
}
