import Synchronization

/// A change waiting for the tenant's writer: what to do, until when, and how to tell its caller.
///
/// It belongs to the tenant's queue, not to the caller's task: a client that hangs up cancels nothing (origin D10).
protocol PendingWrite: Sendable {
    var context: ChangeContext { get }
    var deadline: ContinuousClock.Instant { get }
    /// Applies the change; its result is kept until the group is committed. May be called again after a lost lock.
    func apply(to transaction: inout RegistryTransaction) throws(RegistryError)
    /// Tells the caller that the change is durable and published.
    func succeed()
    func fail(_ error: RegistryError)
}

/// A change with a result, and the suspended caller.
final class PendingChange<Value: Sendable>: PendingWrite {
    typealias Body = @Sendable (inout RegistryTransaction) throws(RegistryError) -> Value

    let context: ChangeContext
    let deadline: ContinuousClock.Instant
    private let body: Body
    private let continuation: CheckedContinuation<Result<Value, RegistryError>, Never>
    private let value = Mutex<Value?>(nil)

    init(
        context: ChangeContext, deadline: ContinuousClock.Instant, body: @escaping Body,
        continuation: CheckedContinuation<Result<Value, RegistryError>, Never>
    ) {
        self.context = context
        self.deadline = deadline
        self.body = body
        self.continuation = continuation
    }

    func apply(to transaction: inout RegistryTransaction) throws(RegistryError) {
        let result = try body(&transaction)
        value.withLock { $0 = result }
    }

    func succeed() {
        guard let result = value.withLock({ $0 }) else {
            return fail(.storage("a change was acknowledged before it was applied"))
        }
        continuation.resume(returning: .success(result))
    }

    func fail(_ error: RegistryError) {
        continuation.resume(returning: .failure(error))
    }
}
