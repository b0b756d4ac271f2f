// Signals → ProcessEvents. The signals are blocked in every thread (blocked before the first other thread is started,
// all of them inherit it) and the main thread waits for them with sigwait: no handler ever interrupts anything, and
// what happens then is ordinary code. An `async` main could not do this: the runtime parks its main thread in
// sigsuspend with every signal let through, so SIGTERM would simply kill the process.

import Gateway
import Glibc

/// SIGTERM, SIGINT and SIGHUP as events.
struct SignalEvents {
    let stream: AsyncStream<ProcessEvent>
    private let continuation: AsyncStream<ProcessEvent>.Continuation

    /// Blocks the signals in this and every later thread; call it on the main thread while it is the only one.
    init() {
        (stream, continuation) = AsyncStream.makeStream(of: ProcessEvent.self)
        var signals = Self.signals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Turns signals into events for ever; the calling thread does nothing else from now on.
    func wait() -> Never {
        var signals = Self.signals
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            switch number {
            case SIGHUP: continuation.yield(.reload(reason: "SIGHUP"))
            case SIGINT: continuation.yield(.stop(reason: "SIGINT"))
            default: continuation.yield(.stop(reason: "SIGTERM"))
            }
        }
    }

    private static var signals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        return signals
    }
}
