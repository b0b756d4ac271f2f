// The transport's engine room: one thread, one libcurl loop, one inbox.
//
// Other threads only ever append to the inbox; they wake the thread when, and only when, it is asleep. The thread
// takes the whole inbox at once, starts, resumes and cancels, lets libcurl work (callbacks and completions run right
// there), looks at deadlines, and sleeps. It never blocks on anything else, and nobody may block it.

internal import CCurl
import Glibc
import Synchronization

// Unchecked: the loop and all that is declared below `inbox` belong to the thread in `run()`; `ccurl_loop_wake` is
// the one call that C allows from elsewhere.
final class TransportCore: @unchecked Sendable {
    enum Command {
        case start(Transfer)
        case resume(Transfer)
        case cancel(Transfer)
    }

    private struct Inbox {
        var commands: [Command] = []
        var asleep = false
        var stopping = false
        var stopped = false
        var stopWaiters: [@Sendable () -> Void] = []
    }

    private let inbox = Mutex(Inbox())
    private let loop: OpaquePointer
    private var running: [Transfer] = []
    /// No deadline is due before this; `nil`: there is none.
    private var nextDeadline: Int64?

    /// - Throws: `TransferError.Kind.other` when the system has no descriptors or memory left.
    init(_ configuration: TransportConfiguration) throws(TransferError) {
        let made = withOptionalCString(configuration.proxy) { proxy in
            withOptionalCString(configuration.certificateAuthorityFile) { file in
                var options = CurlOptions(
                    maximum_idle_connections: configuration.maximumIdleConnections,
                    maximum_connections_per_host: configuration.maximumConnectionsPerHost,
                    maximum_head_bytes: configuration.maximumHeadBytes, proxy: proxy, ca_file: file)
                var callbacks = curlCallbacks
                return ccurl_loop_create(&options, &callbacks)
            }
        }
        guard let made else {
            throw TransferError(
                .other(code: 0), "the HTTP transport could not be created: out of descriptors or memory")
        }
        loop = made
    }

    deinit {
        ccurl_loop_destroy(loop)
    }

    // MARK: any thread

    func submit(_ command: Command) {
        let wake = inbox.withLock { inbox in
            guard !inbox.stopped else { return nil as Bool? }
            inbox.commands.append(command)
            defer { inbox.asleep = false }
            return inbox.asleep
        }
        switch wake {
        case true?: ccurl_loop_wake(loop)
        case false?: break
        case nil:
            if case .start(let transfer) = command { transfer.end(Self.shutDown) }
        }
    }

    /// Ends every transfer and the thread; `completion` runs when both are gone, at once if they are already.
    func stop(_ completion: @escaping @Sendable () -> Void) {
        let (done, wake) = inbox.withLock { inbox in
            if inbox.stopped { return (true, false) }
            inbox.stopping = true
            inbox.stopWaiters.append(completion)
            defer { inbox.asleep = false }
            return (false, inbox.asleep)
        }
        if wake { ccurl_loop_wake(loop) }
        if done { completion() }
    }

    /// - Throws: `TransferError.Kind.other` when the system refuses a thread.
    func startThread() throws(TransferError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(&thread, nil, transportThreadMain, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw TransferError(.other(code: Int(result)), "the HTTP transport's thread could not be started")
        }
        pthread_detach(thread)
    }

    // MARK: the thread

    func run() {
        var batch: [Command] = []
        var stopping = false
        while !stopping {
            stopping = inbox.withLock { inbox in
                inbox.asleep = false
                swap(&batch, &inbox.commands)
                return inbox.stopping
            }
            for command in batch { perform(command) }
            batch.removeAll(keepingCapacity: true)
            ccurl_loop_dispatch(loop)
            let patience = expireDeadlines()
            let sleep = inbox.withLock { inbox in
                inbox.asleep = inbox.commands.isEmpty && !inbox.stopping
                return inbox.asleep
            }
            if !stopping { ccurl_loop_wait(loop, sleep ? patience : 0) }
        }
        windUp()
    }

    private func windUp() {
        let (left, waiters) = inbox.withLock { inbox in
            inbox.stopped = true
            defer {
                inbox.commands = []
                inbox.stopWaiters = []
            }
            return (inbox.commands, inbox.stopWaiters)
        }
        while let transfer = running.last { abandon(transfer, Self.shutDown) }
        for case .start(let transfer) in left { transfer.end(Self.shutDown) }
        ccurl_loop_close(loop)
        for waiter in waiters { waiter() }
    }

    private static let shutDown = TransferError(.cancelled, "the HTTP transport is shut down")

    private func perform(_ command: Command) {
        switch command {
        case .start(let transfer):
            if transfer.cancelledEarly {
                transfer.end(Self.cancelled)
            } else {
                start(transfer)
            }
        case .resume(let transfer):
            guard transfer.phase == .paused, let handle = transfer.handle else { return }
            transfer.phase = .body
            transfer.lastProgress = ccurl_now_ms()
            consider(transfer)
            ccurl_transfer_resume(handle)
        case .cancel(let transfer):
            switch transfer.phase {
            case .waiting: transfer.cancelledEarly = true
            case .awaitingHead, .body, .paused: abandon(transfer, Self.cancelled)
            case .ended: break
            }
        }
    }

    private static let cancelled = TransferError(.cancelled, "the transfer was cancelled")

    private func start(_ transfer: Transfer) {
        let request = transfer.request
        let context = Unmanaged.passRetained(transfer)
        var outcome = CurlOutcome.complete
        let handle = request.headers.lines.withUnsafeBufferPointer { lines in
            // The pointer outlives this closure on purpose: the array is owned by the transfer, which is retained
            // until libcurl is done with it, is never mutated, and native arrays do not move.
            request.body.withUnsafeBufferPointer { body in
                request.method.withCString { method in
                    request.url.withCString { url in
                        withOptionalCString(request.unixSocketPath) { unixSocket in
                            var parameters = CurlRequest(
                                method: method, url: url, unix_socket: unixSocket, header_lines: lines.baseAddress,
                                header_bytes: lines.count, body: body.baseAddress, body_length: body.count,
                                connect_timeout_ms: Int(request.timeouts.connect.wholeMilliseconds))
                            return ccurl_transfer_start(loop, &parameters, context.toOpaque(), &outcome)
                        }
                    }
                }
            }
        }
        guard let handle else {
            context.release()
            transfer.end(TransferError(outcome, code: 0, text: "the request could not be started"))
            return
        }
        transfer.handle = handle
        transfer.phase = .awaitingHead
        transfer.startedAt = ccurl_now_ms()
        transfer.lastProgress = transfer.startedAt
        transfer.index = running.count
        running.append(transfer)
        consider(transfer)
    }

    /// libcurl is done with the transfer: forget it, then tell its receiver.
    func finish(_ transfer: Transfer, _ error: TransferError?) {
        forget(transfer)
        transfer.end(error)
    }

    /// We are done with the transfer: close its connection, forget it, tell its receiver.
    private func abandon(_ transfer: Transfer, _ error: TransferError) {
        if let handle = transfer.handle { ccurl_transfer_cancel(handle) }
        forget(transfer)
        transfer.end(error)
    }

    private func forget(_ transfer: Transfer) {
        transfer.handle = nil
        let last = running.removeLast()
        if last !== transfer {
            last.index = transfer.index
            running[transfer.index] = last
        }
        Unmanaged.passUnretained(transfer).release()
    }

    // MARK: deadlines

    /// Lowers the next look at the deadlines if this transfer's comes earlier.
    func consider(_ transfer: Transfer) {
        guard let due = transfer.deadline()?.at else { return }
        nextDeadline = min(nextDeadline ?? due, due)
    }

    /// Ends what is overdue and says how many milliseconds the thread may sleep (-1: for ever).
    ///
    /// Progress moves a transfer's deadline without telling anyone, so the look may come early; it then only learns
    /// the new earliest one. All running transfers are walked, but only when the earliest of the last walk is due.
    private func expireDeadlines() -> Int32 {
        guard let due = nextDeadline else { return -1 }
        var now = ccurl_now_ms()
        if now >= due {
            nextDeadline = nil
            for transfer in running {
                guard let (at, kind) = transfer.deadline() else { continue }
                if now >= at {
                    abandon(
                        transfer, TransferError(kind, kind == .firstByteTimeout ? "no answer in time" : "timed out"))
                } else {
                    nextDeadline = min(nextDeadline ?? at, at)
                }
            }
            now = ccurl_now_ms()
        }
        guard let next = nextDeadline else { return -1 }
        return Int32(clamping: max(next - now, Self.deadlineResolution))
    }

    private static let deadlineResolution: Int64 = 10
}

extension Transfer {
    func finished(_ outcome: CurlOutcome, code: Int, text: UnsafePointer<CChar>) {
        let error = outcome == .complete ? nil : TransferError(outcome, code: code, text: String(cString: text))
        core.finish(self, error)
    }
}

private func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let string else { return body(nil) }
    return string.withCString { body($0) }
}

/// The thread's main function.
private func transportThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let core = Unmanaged<TransportCore>.fromOpaque(context).takeRetainedValue()
    ccurl_enter_thread("http-transport")
    core.run()
    return nil
}
