import Glibc

/// A pthread that runs one function and can be joined.
///
/// Disk work blocks, and Swift's own executor has as many threads as the machine has cores: work that waits for a
/// disk or a lock gets threads of its own.
// @unchecked: the identifier is written once, before the object is shared.
final class PlainThread: @unchecked Sendable {
    private var identifier = pthread_t()
    private var isStarted = false

    /// Starts a thread; `name` shows in `top -H`, 15 bytes of it.
    init(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(name: name, niceness: niceness, run: body))
        isStarted = pthread_create(&identifier, nil, threadMain, box.toOpaque()) == 0
        if !isStarted { box.release() }
    }

    deinit {
        if isStarted { pthread_detach(identifier) }
    }

    /// Whether the system gave us the thread.
    var didStart: Bool { isStarted }

    /// Waits for the thread's end; once, and not from the thread itself.
    func join() {
        guard isStarted else { return }
        isStarted = false
        pthread_join(identifier, nil)
    }

    fileprivate final class Body: Sendable {
        let name: String
        let niceness: Int32
        let run: @Sendable () -> Void

        init(name: String, niceness: Int32, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.niceness = niceness
            self.run = run
        }
    }
}

private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let body = Unmanaged<PlainThread.Body>.fromOpaque(context).takeRetainedValue()
    nameThread(body.name)
    // On Linux a priority is the thread's own; a system that refuses it only makes the work less polite.
    if body.niceness != 0 { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, body.niceness) }
    body.run()
    return nil
}

/// pthread_setname_np does not import from Glibc; the kernel takes the name here as well.
private func nameThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    // Only for `top -H`: without it the thread works as well.
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
}
