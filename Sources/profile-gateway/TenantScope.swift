import ArgumentParser
import Gateway
import JSON

/// One tenant, or all of them, one after the other.
struct TenantScope: ParsableArguments {
    @Flag(name: .long, help: "Every tenant there is.")
    var all = false

    func check(against tenant: String?) throws {
        if all, tenant != nil { throw ValidationError("give --all or --tenant, not both") }
    }

    /// What came of one tenant.
    struct Result: Sendable {
        let tenant: String
        let outcome: Swift.Result<JSONValue, ClientFailure>

        /// For machines: the answer, or the error in its place.
        var document: JSONValue {
            switch outcome {
            case .success(let answer): return answer
            case .failure(let failure):
                let error = failure.problem ?? ["message": .string(failure.message)]
                return ["tenant": .string(tenant), "error": .object(error)]
            }
        }
    }

    /// Asks for each tenant, a few at a time; one tenant's failure keeps no other from its turn.
    ///
    /// - Returns: in the order of the tenants.
    func ask(
        _ gateway: GatewayClient, _ what: String, atOnce: Int = 2,
        _ request: @escaping @Sendable (String) -> ClientRequest
    ) async throws(ClientFailure) -> [Result] {
        guard all else {
            let tenant = try gateway.tenant
            return [Result(tenant: tenant, outcome: await Self.answer(gateway, request(tenant)))]
        }
        let tenants = try await gateway.list(.admin(.get, ["tenants"])).compactMap { $0["slug"]?.stringValue }
        var bar = ProgressBar(what, total: tenants.count)
        var results: [Int: Result] = [:]
        await withTaskGroup(of: (Int, Result).self) { group in
            var next = 0
            func start() {
                guard next < tenants.count else { return }
                let (index, tenant) = (next, tenants[next])
                next += 1
                group.addTask {
                    (index, Result(tenant: tenant, outcome: await Self.answer(gateway, request(tenant))))
                }
            }
            for _ in 0..<atOnce { start() }
            for await (index, result) in group {
                results[index] = result
                bar.advance(result.tenant)
                start()
            }
        }
        bar.finish()
        return results.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func answer(
        _ gateway: GatewayClient, _ request: ClientRequest
    ) async -> Swift.Result<JSONValue, ClientFailure> {
        do throws(ClientFailure) {
            return .success(try await gateway.send(request).value())
        } catch {
            return .failure(error)
        }
    }

    /// Prints what there is, and fails as the first failed tenant does.
    func report(
        _ results: [Result], _ format: OutputFormat, table: ([(tenant: String, answer: JSONValue)]) -> String
    ) throws(ClientFailure) {
        let answers = results.compactMap { result in (try? result.outcome.get()).map { (result.tenant, $0) } }
        let failures = results.compactMap { result -> (tenant: String, failure: ClientFailure)? in
            guard case .failure(let failure) = result.outcome else { return nil }
            return (result.tenant, failure)
        }
        // A single tenant's failure has nothing to be printed beside it.
        if all || failures.isEmpty {
            format.print(all ? .array(results.map(\.document)) : results.first?.document ?? .null) { table(answers) }
        }
        guard let first = failures.first else { return }
        guard all else { throw first.failure }
        let lines = failures.map { "\($0.tenant): \($0.failure.message)" }.joined(separator: "\n  ")
        throw ClientFailure(
            first.failure.kind, "\(failures.count) of \(results.count) tenants failed\n  \(lines)")
    }
}
