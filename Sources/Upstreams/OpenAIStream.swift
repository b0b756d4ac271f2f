internal import HTTPClient
import Synchronization

/// One streamed answer of an OpenAI-compatible server, on its way from the transport to a sink.
///
/// The sink gets whole events only, and its end once: at `data: [DONE]`, or with an error when the connection ends
/// without it. All calls come on the transport's thread; the mutex is never contended and only satisfies the compiler.
final class OpenAIStream: TransferSink {
    private enum Phase {
        case waiting
        case streaming(EventStreamFramer)
        /// The answer is a failure; its body is collected to be told.
        case failing(TransferHead, body: [UInt8])
        case ended(bytesSince: Int)
    }

    private let sink: any UpstreamSink
    private let upstream: String
    private let mask: CredentialMask
    /// How long the rest after the mark is waited for.
    private let restPatience: Duration
    private let phase = Mutex(Phase.waiting)

    private static let maximumEventBytes = 4 << 20
    private static let maximumRestBytes = 64 << 10

    init(
        sink: any UpstreamSink, upstream: String, mask: CredentialMask, restPatience: Duration = .seconds(1)
    ) {
        self.sink = sink
        self.upstream = upstream
        self.mask = mask
        self.restPatience = restPatience
    }

    func transfer(_ transfer: Transfer, began head: TransferHead) -> TransferDemand {
        guard (200..<300).contains(head.status) else {
            phase.withLock { $0 = .failing(head, body: []) }
            return .more
        }
        let type = (head.fields["content-type"] ?? "text/event-stream").lowercased()
        guard type.hasPrefix("text/event-stream") else {
            end(.badAnswer(upstream, status: head.status, "was asked to stream and answered with something else"))
            return .cancel
        }
        phase.withLock { $0 = .streaming(EventStreamFramer()) }
        return sink.began(UpstreamHead(head, upstream: upstream), call: TransferCall(transfer))
    }

    func transfer(_ transfer: Transfer, received bytes: UnsafeRawBufferPointer) -> TransferDemand {
        let current = phase.withLock { phase in
            defer { if case .streaming = phase { phase = .waiting } }  // keeps the framer's buffer unshared
            return phase
        }
        switch current {
        case .waiting:
            return .more
        case .ended(let count):
            // What follows [DONE]: let it end, so that the connection can be used again.
            phase.withLock { $0 = .ended(bytesSince: count + bytes.count) }
            return count + bytes.count > Self.maximumRestBytes ? .cancel : .more
        case .failing(let head, var body):
            body.append(contentsOf: bytes.prefix(OpenAIUpstream.maximumFailureBytes - body.count))
            guard body.count < OpenAIUpstream.maximumFailureBytes else {
                end(UpstreamError(answer: head, body: body, upstream: upstream, mask: mask))
                return .cancel
            }
            phase.withLock { $0 = .failing(head, body: body) }
            return .more
        case .streaming(var framer):
            let (demand, failure) = framer.feed(bytes) { deliver($0) } ?? (.more, nil)
            let (isDone, pendingBytes) = (framer.isDone, framer.pending.count)
            phase.withLock { $0 = .streaming(framer) }
            if let failure {
                end(failure)
                return .cancel
            }
            if isDone {
                end(nil)
                transfer.giveUp(after: restPatience)
                return .more
            }
            if pendingBytes > Self.maximumEventBytes {
                end(.badAnswer(upstream, status: 200, "sent an event of more than \(Self.maximumEventBytes) bytes"))
                return .cancel
            }
            return demand
        }
    }

    func transfer(_ transfer: Transfer, ended error: TransferError?) {
        switch phase.withLock({ $0 }) {
        case .ended:
            return
        case .waiting:
            end(error.map { UpstreamError($0, upstream: upstream) } ?? .truncated(upstream, detail: "no answer"))
        case .failing where error?.kind == .cancelled:
            end(.cancelled(upstream))
        case .failing(let head, let body):
            end(UpstreamError(answer: head, body: body, upstream: upstream, mask: mask))
        case .streaming(var framer):
            if let rest = framer.finish() {
                let (_, failure) = rest.withUnsafeBytes { deliver($0) }
                end(failure)
            } else if let error, error.kind != .reset, error.kind != .truncated {
                end(UpstreamError(error, upstream: upstream))
            } else {
                end(.truncated(upstream, detail: error?.message ?? "the stream ended without [DONE]"))
            }
        }
    }

    /// Hands whole events on, without credentials and up to the first that reports an error: that one is the end of
    /// the answer, and its words are masked like those of any failure.
    private func deliver(_ events: UnsafeRawBufferPointer) -> (TransferDemand, UpstreamError?) {
        guard let failure = ReportedFailure.first(in: events) else { return (pass(events), nil) }
        let before = UnsafeRawBufferPointer(rebasing: events[..<failure.start])
        return (
            before.isEmpty ? .more : pass(before),
            .reported(failure.document, upstream: upstream, mask: mask)
        )
    }

    private func pass(_ events: UnsafeRawBufferPointer) -> TransferDemand {
        guard let masked = mask.masked(events) else { return sink.received(events) }
        return masked.withUnsafeBytes { sink.received($0) }
    }

    private func end(_ error: UpstreamError?) {
        phase.withLock { $0 = .ended(bytesSince: 0) }
        sink.ended(error)
    }
}
