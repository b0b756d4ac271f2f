// What it costs to resolve a profile on a stack of five with 20 middlewares and 40 step settings, cold and remembered.
//
// The profiles are written through a real tenant, so what is resolved is what a server resolves: the entries of a
// snapshot. Each repetition is the fastest of many short runs, which is what the code costs when nothing interrupts it.
//   resolution-benchmark REPETITIONS       prints {"cold_ns": […], "explained_ns": […], "memoised_ns": […], …}

import Foundation
import Gateway
import JSON
import Middlewares
import Profiles
import Tenants

@main
struct ResolutionBenchmark {
    static let layers = 5
    static let middlewares = 20
    static let settings = 40

    static func main() async throws {
        guard let repetitions = CommandLine.arguments.dropFirst().first.flatMap(Int.init), repetitions > 0 else {
            print("usage: resolution-benchmark REPETITIONS")
            exit(2)
        }
        let slug = try TenantSlug(validating: "benchmark")
        let directory = NSTemporaryDirectory() + "resolution-benchmark-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let tenants = try TenantDirectory(
            configuration: TenantDirectory.Configuration(
                data: try DataDirectory(creating: directory, owner: OwnershipLock.Owner(pid: getpid())),
                configured: [slug]),
            environment: TenantEnvironment(
                nowMs: { 1_700_000_000_000 }, random: { 1 },
                log: { event in
                    guard event.level != .info else { return }
                    FileHandle.standardError.write(Data("\(event.message) \(event.details)\n".utf8))
                }),
            owner: OwnershipLock.Owner(pid: getpid()))
        let tenant = try await tenants.open(slug)
        let catalog = try BuiltInMiddlewares(agentModes: []).catalog
        for layer in 0..<layers { try await create(layer, in: tenant, ProfileRules(middlewares: catalog)) }
        let figures = try Figures(of: tenant, catalog: catalog, repetitions: repetitions)
        print(figures.json)
        await tenants.close()
    }

    /// Layer `number` of the stack: a fifth of the middlewares, and each setting in two layers.
    private static func create(_ number: Int, in tenant: Tenant, _ rules: ProfileRules) async throws {
        let fields = StepSettings.all.filter {
            $0.section != "gateway" && !$0.key.hasSuffix("url") && !$0.key.hasSuffix("api-key")
        }.prefix(settings)
        var patch = JSONObject()
        for (index, field) in fields.enumerated() where [number, (number + 1) % layers].contains(index % layers) {
            let texts: [JSONValue] = ["x", "low", "auto", .array([])]
            guard
                let value = field.default ?? (field.isNumeric ? 1 : texts.lazy.compactMap(field.normalised).first)
            else { continue }
            var section = patch[field.section]?.objectValue ?? [:]
            section[field.field] = value
            patch[field.section] = .object(section)
        }
        let uses = (0..<(middlewares / layers)).map { index -> JSONValue in
            [
                "name": "prompt-append", "id": .string("layer-\(number)-\(index)"),
                "config": ["text": .string("Rule \(index) of layer \(number).")],
            ]
        }
        let document: JSONValue = [
            "slug": .string("layer-\(number)"),
            "stack": number == 0 ? [] : [["profile_slug": .string("layer-\(number - 1)")]],
            "runtime": [
                "system_prompt": .string("You are the assistant of layer \(number). Be concise."),
                "tools": ["calculator", "search"], "middlewares": .array(uses), "step_settings_patch": .object(patch),
            ],
            "policy": ["allow_overrides": true],
            "extensions": ["app.note@v1": ["layer": .number(JSONNumber(number))]],
        ]
        let body = try CreateProfileBody(decoding: document, rules: rules)
        let context = ChangeContext(
            actor: "benchmark", source: "benchmark", requestID: "benchmark", nowMs: 1_700_000_000_000)
        try await tenant.transact(context) { (transaction) throws(RegistryError) in
            _ = try transaction.createProfile(body, in: .default, if: .none)
        }
    }
}

/// Nanoseconds, one value a repetition, and what was resolved.
private struct Figures {
    private var cold: [Int] = []
    private var explained: [Int] = []
    private var memoised: [Int] = []
    private let middlewares: Int
    private let settings: Int

    init(of tenant: Tenant, catalog: MiddlewareCatalog, repetitions: Int) throws {
        let snapshot = try tenant.current()
        let resolver = Resolver(middlewares: catalog) { _ in "echo" }
        let top = ProfileSlug(normalised: "layer-\(ResolutionBenchmark.layers - 1)")
        let entry = try snapshot.profile(top, in: .default)
        let id = ProfileID(registry: .default, profile: top)
        let profile = try entry.profile()
        let request = RequestedRuntime(overrides: ["system_prompt": "Answer in one word."])
        let resolved = try resolver.resolve(id, profile, request, in: snapshot)
        middlewares = resolved.effective.middlewares.count
        settings = resolved.effective.stepSettings.reduce(0) { $0 + ($1.value.objectValue?.count ?? 0) }
        let memo = ResolutionMemo<ResolvedProfile>()
        let states = resolved.lineage.compactMap { snapshot.registry($0.id.registry)?.profile($0.id.profile) }
        memo.remember(resolved, entry, request, tenant: tenant.slug, layers: states, weight: 4096)
        for _ in 0..<repetitions {
            cold.append(try fastest { try resolver.resolve(id, profile, request, in: snapshot).fingerprint.utf8.count })
            explained.append(
                try fastest { try resolver.resolve(id, profile, request, in: snapshot, explains: true).lineage.count })
            memoised.append(
                try fastest { memo.plan(entry, request, tenant: tenant.slug, in: snapshot)?.lineage.count ?? 0 })
        }
    }

    /// The fastest of 200 runs of 20, in nanoseconds a call. The sum keeps the calls from being optimised away.
    private func fastest(_ body: () throws -> Int) throws -> Int {
        let clock = ContinuousClock()
        var best = Int.max
        var sum = 0
        for _ in 0..<200 {
            let taken = try clock.measure { for _ in 0..<20 { sum &+= try body() } }
            best = min(best, Int(taken.components.attoseconds / 1_000_000_000) / 20)
        }
        guard sum > 0 else { throw CancellationError() }
        return best
    }

    var json: String {
        """
        {"cold_ns": \(cold), "explained_ns": \(explained), "memoised_ns": \(memoised), \
        "layers": \(ResolutionBenchmark.layers), "middlewares": \(middlewares), "settings": \(settings)}
        """
    }
}
