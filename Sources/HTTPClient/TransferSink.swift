/// What a sink wants after it was given something.
package enum TransferDemand: Sendable {
    case more
    /// The bytes were taken; deliver no more until `Transfer.resume()`. At most one receive buffer (16 KiB) of the
    /// connection is held in memory meanwhile; the rest waits in the kernel and so at the sender.
    case pause
    /// Close the connection; `ended` follows with `TransferError.Kind.cancelled`.
    case cancel
}

/// Takes a streamed answer.
///
/// All calls come on the transport's thread, one after another: at most one `began`, any number of `received` after
/// it, exactly one `ended`. They must not block, and may call `resume()` and `cancel()` of any transfer, and
/// `giveUp(after:)` of the one they are about.
package protocol TransferSink: AnyObject, Sendable {
    func transfer(_ transfer: Transfer, began head: TransferHead) -> TransferDemand
    /// `bytes` is valid during the call only.
    func transfer(_ transfer: Transfer, received bytes: UnsafeRawBufferPointer) -> TransferDemand
    /// `error` is nil when the whole body has come.
    func transfer(_ transfer: Transfer, ended error: TransferError?)
}
