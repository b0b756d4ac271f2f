import Glibc

/// A pthread that runs one function and can be joined.
///
/// Disk work blocks, and Swift's own executor has as many threads as the machine has cores: work that waits for a
/// disk or a lock gets threads of its own.
// @unchecked: the identifier is written once, before the object is shared, and joined by its one owner.
final class PlainThread: @unchecked Sendable {
    private var identifier = pthread_t()
    private var isJoinable = false

    /// Starts a thread; `name` shows in `top -H`, 15 bytes of it.
    ///
    /// Throws `storage` when the system gives none.
    init(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) throws(RegistryError) {
        let box = Unmanaged.passRetained(Body(name: name, niceness: niceness, run: body))
        let code = pthread_create(&identifier, nil, threadMain, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw .storage(
                "the system gives no thread for \(name): \(String(cString: strerror(code))); "
                    + "raise its limits of processes and memory (ulimit -u, TasksMax, MemoryMax)")
        }
        isJoinable = true
    }

    deinit {
        if isJoinable { pthread_detach(identifier) }
    }

    /// Waits for the thread's end; once, and not from the thread itself.
    func join() {
        guard isJoinable else { return }
        isJoinable = false
        pthread_join(identifier, nil)
    }

    /// Runs work that blocks for a moment, such as joining other threads, and waits for it without a thread.
    ///
    /// Where the system gives no thread it blocks the caller's: it must end without Swift's own executor.
    static func run(name: String, _ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            do throws(RegistryError) {
                _ = try PlainThread(name: name) {
                    body()
                    continuation.resume()
                }
            } catch {
                body()
                continuation.resume()
            }
        }
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
