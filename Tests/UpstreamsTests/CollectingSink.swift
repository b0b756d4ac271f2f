import GatewayTestSupport
import HTTPClient
import Synchronization
import Upstreams

/// Keeps what an upstream streams.
final class CollectingSink: UpstreamSink {
    struct Record: Sendable {
        var heads: [UpstreamHead] = []
        var pieces: [String] = []
        var ends: [UpstreamError?] = []
        var call: (any UpstreamCall)?

        var text: String { pieces.joined() }
    }

    private let record = Mutex(Record())
    private let onPiece: @Sendable (Record) -> TransferDemand

    init(onPiece: @escaping @Sendable (Record) -> TransferDemand = { _ in .more }) {
        self.onPiece = onPiece
    }

    var now: Record { record.withLock { $0 } }

    func began(_ head: UpstreamHead, call: any UpstreamCall) -> TransferDemand {
        record.withLock { record in
            record.heads.append(head)
            record.call = call
        }
        return .more
    }

    func received(_ events: UnsafeRawBufferPointer) -> TransferDemand {
        let now = record.withLock { record in
            record.pieces.append(String(decoding: events, as: UTF8.self))
            return record
        }
        return onPiece(now)
    }

    /// Keeps a call in place of the one it was begun with.
    func keep(_ call: any UpstreamCall) { record.withLock { $0.call = call } }

    func ended(_ error: UpstreamError?) {
        record.withLock { $0.ends.append(error) }
    }

    /// Waits until the end has been told, at most a test's patience.
    func end() async -> Record {
        let deadline = ContinuousClock.now + Patience.limit
        while now.ends.isEmpty, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return now
    }
}
