internal import CCurl

/// The client side of HTTP: libcurl's multi interface on a thread of its own.
///
/// Every request goes through this thread and every answer comes from it; it never waits for anything but sockets.
/// Connections are kept alive and reused. Three ways to ask, from the cheapest: a completion called on the transport's
/// thread, a sink fed there, and `async` forms of both.
package final class Transport: Sendable {
    private let core: TransportCore

    /// libcurl's own words about itself, such as `libcurl/7.88.1 OpenSSL/3.0.15 …`.
    package static var libraryVersion: String { String(cString: ccurl_version()) }

    /// Starts the thread.
    ///
    /// - Throws: `TransferError.Kind.other` when the system has no thread, descriptors or memory left.
    package init(_ configuration: TransportConfiguration = TransportConfiguration()) throws(TransferError) {
        core = try TransportCore(configuration)
        try core.startThread()
    }

    deinit {
        core.stop {}
    }

    /// Sends and collects the answer.
    ///
    /// - Parameter completion: called exactly once, on the transport's thread (or on the caller's, if the transport
    ///   is already shut down); it must not block.
    @discardableResult
    package func send(
        _ request: TransferRequest, completion: @escaping @Sendable (Result<TransferResponse, TransferError>) -> Void
    ) -> Transfer {
        begin(request, .collect(completion))
    }

    /// Sends and feeds the answer to `sink`, piece by piece, on the transport's thread.
    @discardableResult
    package func stream(_ request: TransferRequest, to sink: any TransferSink) -> Transfer {
        begin(request, .sink(sink))
    }

    /// Sends and collects the answer; cancelling the task closes the connection at once.
    package func send(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        let pending = PendingCall<Transfer> { $0.cancel() }
        let result: Result<TransferResponse, TransferError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                pending.set(send(request) { continuation.resume(returning: $0) })
            }
        } onCancel: {
            pending.cancel()
        }
        return try result.get()
    }

    /// Sends, feeds `sink`, and returns when the head is there (the sink has seen it by then).
    ///
    /// Until it returns, cancelling the task closes the connection; afterwards the returned transfer does.
    /// The sink also hears of the error this throws.
    package func stream(
        _ request: TransferRequest, sink: any TransferSink
    ) async throws(TransferError) -> (head: TransferHead, transfer: Transfer) {
        let pending = PendingCall<Transfer> { $0.cancel() }
        let result: Result<(head: TransferHead, transfer: Transfer), TransferError> = await withTaskCancellationHandler
        {
            await withCheckedContinuation { continuation in
                pending.set(stream(request, to: HeadWaiter(sink) { continuation.resume(returning: $0) }))
            }
        } onCancel: {
            pending.cancel()
        }
        return try result.get()
    }

    /// Ends every transfer with `TransferError.Kind.cancelled`, closes all connections and ends the thread.
    package func shutdown() async {
        await withCheckedContinuation { continuation in
            core.stop { continuation.resume() }
        }
    }

    private func begin(_ request: TransferRequest, _ receiver: Transfer.Receiver) -> Transfer {
        let transfer = Transfer(request, receiver: receiver, core: core)
        core.submit(.start(transfer))
        return transfer
    }
}
