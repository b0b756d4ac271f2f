import GatewayTestSupport
import Profiles
import Synchronization
import Testing

@testable import Tenants

/// The one thread that reads and writes whole documents, and whose turn it is.
struct DocumentThreadTests {
    private static let other = TenantSlug(normalised: "other")

    @Test func `a tenant with many documents holds up another's by one at most`() async throws {
        let tenants = try TestTenants()
        let gate = Gate()
        let order = Order()
        var tasks = [Self.offload(tenants, .default, "held", order, gate)]
        #expect(await eventually { gate.arrivals == 1 })
        for number in 0..<5 { tasks.append(Self.offload(tenants, .default, "many \(number)", order)) }
        tasks.append(Self.offload(tenants, Self.other, "one", order))
        gate.open()
        for task in tasks { try await task.value }
        #expect(order.names == ["held", "one"] + (0..<5).map { "many \($0)" })
        await tenants.directory.close()
    }

    @Test func `a document nobody waits for any more is not read`() async throws {
        let tenants = try TestTenants()
        let gate = Gate()
        let order = Order()
        let held = Self.offload(tenants, .default, "held", order, gate)
        #expect(await eventually { gate.arrivals == 1 })
        // One waits for its tenant's turn, the other in the thread's queue.
        let waiting = Self.offload(tenants, .default, "waiting", order)
        let queued = Self.offload(tenants, Self.other, "queued", order)
        let last = Self.offload(tenants, .default, "last", order)
        for task in [waiting, queued] { task.cancel() }
        gate.open()
        let cancelled = RegistryError.cancelled("waiting to read or write a document")
        await #expect(throws: cancelled) { try await waiting.value }
        await #expect(throws: cancelled) { try await queued.value }
        try await held.value
        try await last.value
        #expect(order.names == ["held", "last"])
        await tenants.directory.close()
    }

    /// Queues at once.
    private static func offload(
        _ tenants: TestTenants, _ tenant: TenantSlug, _ name: String, _ order: Order, _ gate: Gate? = nil
    ) -> Task<Void, any Error> {
        Task.immediate {
            try await tenants.directory.offload(for: tenant) {
                gate?.wait()
                order.add(name)
            }
        }
    }
}

private final class Order: Sendable {
    private let list = Mutex<[String]>([])

    var names: [String] { list.withLock { $0 } }

    func add(_ name: String) { list.withLock { $0.append(name) } }
}
