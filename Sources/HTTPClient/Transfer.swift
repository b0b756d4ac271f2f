// One request on its way. The transport's thread owns everything here except the two signals `resume` and `cancel`,
// which any thread may give: they travel through the transport's inbox, so there is nothing to lock.
//
// Invariant: `receiver` hears of the end exactly once, on the transport's thread, when `phase` becomes `.ended`.

internal import CCurl

/// Resumes or cancels a running transfer, from any thread.
// Unchecked: `phase` and what follows it belong to the transport's thread, as the C handle they describe does.
package final class Transfer: @unchecked Sendable {
    enum Receiver {
        case collect(@Sendable (Result<TransferResponse, TransferError>) -> Void)
        case sink(any TransferSink)
    }

    enum Phase {
        case waiting
        case awaitingHead
        case body
        case paused
        case ended
    }

    let request: TransferRequest
    /// Let go at the end: a receiver usually holds the transfer too.
    private var receiver: Receiver?
    let core: TransportCore

    var handle: OpaquePointer?
    var phase = Phase.waiting
    var cancelledEarly = false
    /// Position in the core's list of running transfers.
    var index = 0
    var startedAt: Int64 = 0
    /// When the present phase began or last saw bytes, in monotonic milliseconds.
    var lastProgress: Int64 = 0
    private let firstByteLimit: Int64?
    private let idleLimit: Int64?
    private var totalLimit: Int64?
    private var head: TransferHead?
    private var collected: [UInt8] = []
    /// How much of the answer is collected before it counts as whole; set for a failure only.
    private var sufficientBytes: Int?
    private var hasEnough = false
    /// Why we told libcurl to give up.
    private var abortReason: TransferError?

    init(_ request: TransferRequest, receiver: Receiver, core: TransportCore) {
        self.request = request
        self.receiver = receiver
        self.core = core
        firstByteLimit = request.timeouts.firstByte?.wholeMilliseconds
        idleLimit = request.timeouts.idle?.wholeMilliseconds
        totalLimit = request.timeouts.total?.wholeMilliseconds
    }

    /// Asks for more after the sink returned `.pause`. Any thread; without effect when not paused.
    package func resume() {
        core.submit(.resume(self))
    }

    /// Closes the connection at once; the receiver gets `TransferError.Kind.cancelled`. Any thread; without effect
    /// after the end.
    package func cancel() {
        core.submit(.cancel(self))
    }

    // MARK: on the transport's thread

    /// Ends the transfer with `TransferError.Kind.timeout` if it has not ended after `patience`, or sooner by its own
    /// timeouts. For the transfer's sink, in a call about it.
    package func giveUp(after patience: Duration) {
        let limit = lastProgress - startedAt + patience.wholeMilliseconds
        totalLimit = min(totalLimit ?? limit, limit)
        core.consider(self)
    }

    func received(status: Int, block: UnsafeRawBufferPointer, now: Int64) -> CurlFlow {
        let head = TransferHead(status: status, fields: ResponseFields(block: Array(block)))
        self.head = head
        phase = .body
        lastProgress = now
        core.consider(self)
        switch receiver {
        case .sink(let sink):
            return obey(sink.transfer(self, began: head))
        case .collect, nil:
            if !(200..<300).contains(status) { sufficientBytes = request.maximumFailureBytes }
            guard let announced = head.fields["content-length"].flatMap({ Int($0) }) else { return .more }
            guard sufficientBytes != nil || announced <= request.maximumResponseBytes else { return refuseSize() }
            // Announced is not sent: a liar gets no more than this in advance.
            collected.reserveCapacity(min(announced, 1 << 20))
            return .more
        }
    }

    func received(_ bytes: UnsafeRawBufferPointer, now: Int64) -> CurlFlow {
        lastProgress = now
        switch receiver {
        case .sink(let sink):
            return obey(sink.transfer(self, received: bytes))
        case .collect, nil:
            if let sufficientBytes {
                collected.append(contentsOf: bytes.prefix(sufficientBytes - collected.count))
                hasEnough = collected.count == sufficientBytes
                return hasEnough ? .abort : .more
            }
            guard bytes.count <= request.maximumResponseBytes - collected.count else { return refuseSize() }
            collected.append(contentsOf: bytes)
            return .more
        }
    }

    /// Tells the receiver; `reason` nil means that everything came.
    func end(_ reason: TransferError?) {
        guard phase != .ended else { return }
        phase = .ended
        handle = nil
        let error = hasEnough ? nil : abortReason ?? reason
        let receiver = self.receiver
        self.receiver = nil
        switch receiver {
        case nil: break
        case .sink(let sink):
            sink.transfer(self, ended: error)
        case .collect(let completion):
            if let error {
                completion(.failure(error))
            } else if let head {
                completion(.success(TransferResponse(head: head, body: collected)))
            } else {
                completion(.failure(TransferError(.reset, "the connection ended without an answer")))
            }
            collected = []
        }
    }

    /// When the present phase runs out of patience, and with which error; `nil`: never.
    func deadline() -> (at: Int64, error: TransferError.Kind)? {
        let total = totalLimit.map { (at: startedAt + $0, error: TransferError.Kind.timeout) }
        let phased: (at: Int64, error: TransferError.Kind)? =
            switch phase {
            case .awaitingHead: firstByteLimit.map { (startedAt + $0, .firstByteTimeout) }
            case .body: idleLimit.map { (lastProgress + $0, .timeout) }
            case .waiting, .paused, .ended: nil
            }
        guard let total else { return phased }
        guard let phased, phased.at < total.at else { return total }
        return phased
    }

    private func obey(_ demand: TransferDemand) -> CurlFlow {
        switch demand {
        case .more:
            return .more
        case .pause:
            phase = .paused
            return .pause
        case .cancel:
            abortReason = TransferError(.cancelled, "the transfer was cancelled by its receiver")
            return .abort
        }
    }

    private func refuseSize() -> CurlFlow {
        abortReason = TransferError(.tooLarge, "the answer is larger than \(request.maximumResponseBytes) bytes")
        return .abort
    }
}
