internal import CHTTPServer

/// A connection as the C shim knows it.
///
/// Good only while its request is under way: `Exchange` and the two streams see to it that nobody uses it later.
/// `@unchecked` because the pointer is opaque here and the shim's calls say themselves which thread may make them.
struct ConnectionHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes the connection off its event loop; only inside one of its callbacks. False: the server stops.
    func suspend() -> Bool { chs_connection_suspend(pointer) }

    /// Puts it back; once per suspension, from any thread.
    func resume() { chs_connection_resume(pointer) }

    /// Replaces the deadline of the body that is being received.
    func setDeadline(_ duration: Duration) { chs_connection_set_deadline(pointer, duration.milliseconds) }

    /// Answers in the middle of a body and closes our direction; only inside the body and the late callback.
    func sendLastWords(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            chs_connection_last_words(pointer, base, bytes.count)
        }
    }
}

extension Duration {
    /// Whole milliseconds, at least one and at most what the shim's 32 bits hold.
    var milliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds < 4_000_000 else { return 4_000_000_000 }
        return UInt32(max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}
