import GatewayTestSupport
import Profiles
import Testing

@testable import Tenants

/// A registry file that a test opens as a process of its own would, without a directory of tenants around it.
protocol LoneRegistryFile {
    var directory: String { get }
    func makeStore() -> RegistryStore
}

extension LoneRegistryFile {
    /// Files that were set aside.
    var foreignFiles: Int {
        get async { Int(await Shell.run("ls '\(directory)' | grep -c foreign")) ?? -1 }
    }

    /// Opens the file as a new process would; returns its slugs.
    func reopened() throws -> [String] {
        let store = makeStore()
        try store.open()
        defer { store.drop() }
        return store.content.registries["default"]?.slugs.map(\.rawValue) ?? []
    }
}

extension RegistryStore {
    /// Commits a new profile.
    func create(_ slug: String) throws {
        let body = try createBody(#"{"slug":"\#(slug)"}"#)
        guard case .finished(let errors) = commit([Creation(body: body)]) else {
            throw RegistryError.storage("the write failed")
        }
        try #require(errors == [nil])
    }
}

struct Creation: PendingWrite {
    let context = ChangeContext(actor: "a", source: "s", requestID: "r", nowMs: 1_000)
    let deadline = ContinuousClock.now
    let body: CreateProfileBody

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        _ = try transaction.createProfile(body, in: .default)
    }

    func succeed() {}
    func fail(_ error: RegistryError) {}
}
