import HTTPClient
import Synchronization

/// Keeps what a streamed transfer brings and answers each piece as the test says.
final class RecordingSink: TransferSink {
    struct Record: Sendable {
        var heads: [TransferHead] = []
        var bytes: [UInt8] = []
        var pieces = 0
        var ends: [TransferError?] = []
        var transfer: Transfer?
    }

    private let record = Mutex(Record())
    private let onHead: @Sendable () -> TransferDemand
    private let onPiece: @Sendable (Record) -> TransferDemand
    private let keepsBytes: Bool

    init(
        keepsBytes: Bool = true, onHead: @escaping @Sendable () -> TransferDemand = { .more },
        onPiece: @escaping @Sendable (Record) -> TransferDemand = { _ in .more }
    ) {
        self.keepsBytes = keepsBytes
        self.onHead = onHead
        self.onPiece = onPiece
    }

    var now: Record { record.withLock { $0 } }
    var text: String { String(decoding: now.bytes, as: UTF8.self) }

    func transfer(_ transfer: Transfer, began head: TransferHead) -> TransferDemand {
        record.withLock { record in
            record.heads.append(head)
            record.transfer = transfer
        }
        return onHead()
    }

    func transfer(_ transfer: Transfer, received bytes: UnsafeRawBufferPointer) -> TransferDemand {
        let state = record.withLock { record in
            record.pieces += 1
            if keepsBytes { record.bytes.append(contentsOf: bytes) }
            return record
        }
        return onPiece(state)
    }

    func transfer(_ transfer: Transfer, ended error: TransferError?) {
        record.withLock { $0.ends.append(error) }
    }

    /// Waits until the end has been told, at most 10 s.
    func end() async -> Record {
        for _ in 0..<2000 where now.ends.isEmpty {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return now
    }
}
