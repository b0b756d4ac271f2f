import SQLite
import Synchronization

/// A question to the file that waits for the tenant's reader: what to ask, until when, and how to tell its caller.
protocol PendingRead: Sendable {
    var deadline: ContinuousClock.Instant { get }
    /// Asks; the answer is kept until `succeed`. May be called again when the file was replaced meanwhile.
    func run(on connection: Connection) throws(SQLiteError)
    func succeed()
    func fail(_ error: RegistryError)
}

/// A question with an answer, and the suspended caller.
final class PendingQuery<Value: Sendable>: PendingRead {
    typealias Body = @Sendable (Connection) throws(SQLiteError) -> Value

    let deadline: ContinuousClock.Instant
    private let body: Body
    private let continuation: CheckedContinuation<Result<Value, RegistryError>, Never>
    private let value = Mutex<Value?>(nil)

    init(
        deadline: ContinuousClock.Instant, body: @escaping Body,
        continuation: CheckedContinuation<Result<Value, RegistryError>, Never>
    ) {
        self.deadline = deadline
        self.body = body
        self.continuation = continuation
    }

    func run(on connection: Connection) throws(SQLiteError) {
        let result = try body(connection)
        value.withLock { $0 = result }
    }

    func succeed() {
        guard let result = value.withLock({ $0 }) else {
            return fail(.storage("a question was answered before it was asked"))
        }
        continuation.resume(returning: .success(result))
    }

    func fail(_ error: RegistryError) {
        continuation.resume(returning: .failure(error))
    }
}
