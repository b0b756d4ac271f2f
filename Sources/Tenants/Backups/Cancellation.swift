import Synchronization

/// Whether somebody wants long work on a thread to end: its caller, or the process that stops.
final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    private let parent: Cancellation?

    init(under parent: Cancellation? = nil) {
        self.parent = parent
    }

    var isCancelled: Bool { flag.load(ordering: .acquiring) || parent?.isCancelled ?? false }

    func cancel() { flag.store(true, ordering: .releasing) }

    /// Throws `cancelled` once it is.
    func check(_ what: String) throws(RegistryError) {
        if isCancelled { throw .cancelled(what) }
    }
}
