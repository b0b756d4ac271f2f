internal import HTTPClient

/// Asks a running server, with the token of its lock file.
struct RemoteCarrier: ClientCarrier {
    private let server: RunningServer
    private let transport: Transport

    /// - Throws: `TransferError` when the system has no thread or descriptors left.
    init(_ server: RunningServer) throws(TransferError) {
        self.server = server
        transport = try Transport(TransportConfiguration())
    }

    func send(_ request: ClientRequest, target: String) async throws(ClientFailure) -> CarriedAnswer {
        let (pieces, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        let sink = PieceSink(continuation, server: server)
        do throws(TransferError) {
            let (head, transfer) = try await transport.stream(try transfer(request, target), sink: sink)
            continuation.onTermination = { ending in
                if case .cancelled = ending { transfer.cancel() }
            }
            var fields: [String: String] = [:]
            for (name, value) in head.fields { fields[name.lowercased()] = value }
            return CarriedAnswer(status: head.status, fields: fields, body: pieces)
        } catch {
            throw server.failure(error)
        }
    }

    func close() async { await transport.shutdown() }

    private func transfer(_ request: ClientRequest, _ target: String) throws(TransferError) -> TransferRequest {
        var headers = RequestHeaders()
        try headers.append("Authorization", "Bearer \(server.token)")
        if request.body != nil { try headers.append("Content-Type", request.contentType) }
        for (name, value) in request.headers { try headers.append(name, value) }
        let (base, socket) = server.url.endpoint
        // Backups and restores take as long as they take; Ctrl-C ends a wait.
        return TransferRequest(
            method: request.method.rawValue, url: base + target, unixSocketPath: socket, headers: headers,
            body: request.body ?? [], timeouts: TransferTimeouts(connect: .seconds(5), firstByte: nil, idle: nil))
    }
}

/// Hands the pieces of an answer to whoever reads it.
private final class PieceSink: TransferSink {
    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    private let server: RunningServer

    init(_ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation, server: RunningServer) {
        self.continuation = continuation
        self.server = server
    }

    func transfer(_ transfer: Transfer, began head: TransferHead) -> TransferDemand { .more }

    func transfer(_ transfer: Transfer, received bytes: UnsafeRawBufferPointer) -> TransferDemand {
        continuation.yield(Array(bytes))
        return .more
    }

    func transfer(_ transfer: Transfer, ended error: TransferError?) {
        continuation.finish(throwing: error.map { server.failure($0) })
    }
}
