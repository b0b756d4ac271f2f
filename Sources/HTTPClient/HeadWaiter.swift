import Synchronization

/// Passes everything on to a sink, and tells once that the head came or that it never will.
final class HeadWaiter: TransferSink {
    typealias Outcome = Result<(head: TransferHead, transfer: Transfer), TransferError>

    private let sink: any TransferSink
    private let waiting: Mutex<(@Sendable (Outcome) -> Void)?>

    init(_ sink: any TransferSink, _ completion: @escaping @Sendable (Outcome) -> Void) {
        self.sink = sink
        waiting = Mutex(completion)
    }

    func transfer(_ transfer: Transfer, began head: TransferHead) -> TransferDemand {
        let demand = sink.transfer(transfer, began: head)
        tell(.success((head, transfer)))
        return demand
    }

    func transfer(_ transfer: Transfer, received bytes: UnsafeRawBufferPointer) -> TransferDemand {
        sink.transfer(transfer, received: bytes)
    }

    func transfer(_ transfer: Transfer, ended error: TransferError?) {
        sink.transfer(transfer, ended: error)
        tell(.failure(error ?? TransferError(.reset, "the connection ended without an answer")))
    }

    private func tell(_ outcome: Outcome) {
        let completion = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        completion?(outcome)
    }
}
