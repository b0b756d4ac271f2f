// The server as the application sees it: start, drain, stop.
//
// The C server behind it is freed by `stop`; every other call that uses it is counted in `calls`, and `stop` waits for
// them, so that draining and stopping from two threads is safe.

internal import CHTTPServer
internal import Glibc
internal import Synchronization

/// An HTTP/1.1 server on libmicrohttpd.
package final class Server: Sendable {
    /// `@unchecked` because the pointer is opaque and the shim's server calls may come from any thread.
    private struct Handle: @unchecked Sendable {
        let server: OpaquePointer
        let context: UnsafeMutableRawPointer
    }

    private enum Phase {
        case new
        case starting
        case running(Handle, [BoundAddress])
        case stopped
    }

    private struct State {
        var phase = Phase.new
        var calls = 0
    }

    private let core: ServerCore
    private let state = Mutex(State())

    /// Makes a server that does nothing until `start()`.
    ///
    /// `log` is called on any of the server's threads and must not block.
    package init(
        _ configuration: ServerConfiguration, responder: any Responder,
        log: @escaping @Sendable (ServerLogLevel, String) -> Void
    ) {
        core = ServerCore(configuration, responder, log)
    }

    /// Binds every address, or none, and starts serving.
    ///
    /// Returns the addresses in the order of the configuration, with the ports the kernel chose. A server starts once.
    package func start() throws(ServerError) -> [BoundAddress] {
        try state.withLock { state throws(ServerError) in
            guard case .new = state.phase else { throw ServerError(.alreadyStarted, "the server was started before") }
            state.phase = .starting
        }
        do throws(ServerError) {
            let (handle, bound) = try open(core.configuration)
            let isWanted = state.withLock { state in
                guard case .starting = state.phase else { return false }
                state.phase = .running(handle, bound)
                return true
            }
            guard isWanted else {
                close(handle, bound)
                throw ServerError(.cannotStart, "the HTTP server was stopped while it was starting")
            }
            return bound
        } catch {
            state.withLock { $0.phase = .stopped }
            throw error
        }
    }

    /// Binds every address and starts the threads.
    private func open(_ configuration: ServerConfiguration) throws(ServerError) -> (Handle, [BoundAddress]) {
        var listeners: [Listener] = []
        var options = chs_options(
            threads: UInt32(max(1, configuration.threads)),
            maximum_connections: UInt32(max(1, configuration.maximumConnections)),
            head_ms: configuration.headTimeout.milliseconds, body_ms: configuration.bodyTimeout.milliseconds,
            idle_ms: configuration.idleTimeout.milliseconds, linger_ms: configuration.drainTimeout.milliseconds)
        do throws(ServerError) {
            for address in configuration.listen {
                listeners.append(try Listener(address, unixSocketMode: configuration.unixSocketMode))
            }
        } catch {
            for listener in listeners { Glibc.close(listener.descriptor) }
            removeSocketFiles(listeners.map(\.bound))
            throw error
        }
        let context = CallbackTable.retained(core)
        var callbacks = CallbackTable.make()
        var error = [CChar](repeating: 0, count: 256)
        guard
            let server = chs_server_start(
                &options, &callbacks, context, listeners.map(\.descriptor), listeners.count, &error, error.count)
        else {
            CallbackTable.release(context)
            removeSocketFiles(listeners.map(\.bound))
            let reason = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ServerError(.cannotStart, "cannot start the HTTP server: \(reason)")
        }
        return (Handle(server: server, context: context), listeners.map(\.bound))
    }

    /// Open connections, idle ones included.
    package var connectionCount: Int { use { chs_server_connections($0) } ?? 0 }

    /// Connections with a request under way.
    package var activeCount: Int { use { chs_server_active($0) } ?? 0 }

    /// Stops accepting and lets running requests end.
    ///
    /// The listen sockets close at once, after what waits in their queues was taken. Requests on accepted connections
    /// are served, with `Connection: close`. When nothing is under way any more, or the grace is over, or the task is
    /// cancelled, handlers that still run are cancelled and answered for with `ServerFailure.stopping`, and streams end
    /// as their `onShutdown` says. Then call `stop()`.
    package func drain(grace: Duration) async {
        core.isDraining = true
        use { chs_server_stop_accepting($0) }
        let deadline = ContinuousClock.now + grace
        // Quiet for a moment, because a request may be on its way on a connection just accepted.
        await wait(until: deadline, quiet: .milliseconds(100))
        let end = ContinuousClock.now + .seconds(1)
        repeat {
            // More than once, because a request that has only just come is not suspended yet and is not seen.
            use { chs_server_end_exchanges($0) }
            await wait(until: min(end, ContinuousClock.now + .milliseconds(20)), quiet: .zero)
        } while ContinuousClock.now < end && (use { chs_server_active($0) } ?? 0) > 0 && !Task.isCancelled
    }

    /// Ends everything: whatever is still under way is cut or answered with `ServerFailure.stopping`.
    ///
    /// Blocks until every thread of the server is gone; call it from a plain thread. May be called at any time, any
    /// number of times; a call that finds another one at work, or `start()`, returns at once, and `start()` then fails.
    package func stop() {
        core.isDraining = true
        let running: (Handle, [BoundAddress])? = state.withLock { state in
            defer { state.phase = .stopped }
            if case .running(let handle, let bound) = state.phase { return (handle, bound) }
            return nil
        }
        guard let (handle, bound) = running else { return }
        while state.withLock({ $0.calls }) > 0 { usleep(1000) }
        close(handle, bound)
    }

    private func close(_ handle: Handle, _ bound: [BoundAddress]) {
        chs_server_stop_accepting(handle.server)
        // While suspending is still possible, so that streams can write their last bytes; more than once, because a
        // request that has only just come is not suspended yet and is not seen.
        waitForLast(handle) { chs_server_end_exchanges(handle.server) }
        // Then for good; the loops get the time to send what that has answered.
        chs_server_refuse_suspension(handle.server)
        chs_server_end_exchanges(handle.server)
        waitForLast(handle) {}
        removeSocketFiles(bound)
        guard chs_server_stop(handle.server) else {
            core.log(.error, "a connection could not be resumed; the server's threads are left behind")
            return
        }
        CallbackTable.release(handle.context)
    }

    /// Waits until nothing is under way any more, half a second at most; on a plain thread, so that it may sleep.
    private func waitForLast(_ handle: Handle, beforeEachLook: () -> Void) {
        for _ in 0..<100 where chs_server_active(handle.server) > 0 {
            beforeEachLook()
            usleep(5000)
        }
    }

    /// The version of libmicrohttpd in this process.
    package static var libraryVersion: String { String(cString: chs_library_version()) }

    private func wait(until deadline: ContinuousClock.Instant, quiet: Duration) async {
        var quietSince: ContinuousClock.Instant?
        while ContinuousClock.now < deadline, let active = use({ chs_server_active($0) }) {
            if active > 0 {
                quietSince = nil
            } else {
                let since = quietSince ?? ContinuousClock.now
                quietSince = since
                if ContinuousClock.now - since >= quiet { return }
            }
            do {
                try await Task.sleep(for: .milliseconds(5))
            } catch {
                return  // cancelled: the caller wants it over with
            }
        }
    }

    @discardableResult
    private func use<Result>(_ body: (OpaquePointer) -> Result) -> Result? {
        let handle: Handle? = state.withLock { state in
            guard case .running(let handle, _) = state.phase else { return nil }
            state.calls += 1
            return handle
        }
        guard let handle else { return nil }
        defer { state.withLock { $0.calls -= 1 } }
        return body(handle.server)
    }

    private func removeSocketFiles(_ bound: [BoundAddress]) {
        for case .unix(let path) in bound.map(\.address) { unlink(path) }
    }
}
