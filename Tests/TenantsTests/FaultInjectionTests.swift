import GatewayTestSupport
import Glibc
import Synchronization
import Testing

@testable import Tenants

/// Every system call of a course of work fails in turn, once or from then on for ever.
struct FaultInjectionTests {
    /// How many of a kind's calls fail in turn, spread evenly over the scenario;
    /// `PROFILE_GATEWAY_TEST_FAULTS=10000` takes them all.
    static let callsPerKind = TestEnvironment.number("PROFILE_GATEWAY_TEST_FAULTS", default: 5)

    @Test(arguments: FaultScenario.all, DiskFault.Kind.allCases)
    func `whichever call fails, answers are clear, memory and file agree, and the tenant recovers`(
        scenario: FaultScenario, kind: DiskFault.Kind
    ) async throws {
        let calls = try await count(kind, in: scenario)
        let step = max(1, calls / Self.callsPerKind)
        for skip in stride(from: Int.random(in: 0..<step), to: calls, by: step) {
            for count in [1, nil] {
                for error in kind == .write ? [EIO, ENOSPC] : [EIO] {
                    try await run(scenario, kind, error: error, skip: skip, count: count)
                }
            }
        }
    }

    /// How many calls of a kind the scenario makes when none fails; also the proof that it then holds what it shall.
    private func count(_ kind: DiskFault.Kind, in scenario: FaultScenario) async throws -> Int {
        let run = try await scenario.prepare()
        let probe = DiskFault(kind, under: run.tenants.data.path + "/tenants", error: EIO, count: 0)
        try await scenario.work(run)
        probe.end()
        try await run.recover()
        #expect(run.violations == [], "\(scenario.testDescription) without a fault")
        return probe.seen
    }

    private func run(
        _ scenario: FaultScenario, _ kind: DiskFault.Kind, error: Int32, skip: Int, count: Int?
    ) async throws {
        let run = try await scenario.prepare()
        run.readingFails.store(kind == .read || kind == .any, ordering: .relaxed)
        let fault = DiskFault(kind, under: run.tenants.data.path + "/tenants", error: error, skip: skip, count: count)
        try await scenario.work(run)
        fault.end()
        try await run.recover()
        let place = "\(scenario.testDescription): \(kind) \(error) after \(skip), \(count == nil ? "for ever" : "once")"
        #expect(run.violations == [], "\(place)")
    }
}
