internal import Synchronization

extension ResponseStream {
    /// The body ended without its proper end: it was aborted.
    package struct Cut: Error, Sendable {}

    /// The next bytes for a reader in this process, in place of a connection; nil when the body has properly ended.
    ///
    /// For one reader of a stream that was never attached to a connection; `abort()` ends a wait.
    ///
    /// - Throws: `Cut` when the writer aborted.
    package func next() async throws(Cut) -> [UInt8]? {
        while true {
            switch takeAll() {
            case .bytes(let bytes, let waiters, let notice):
                for waiter in waiters { waiter.resume(returning: true) }
                notice?()
                return bytes
            case .finished:
                end(sent: true)
                return nil
            case .cut:
                end(sent: false)
                throw Cut()
            case .nothing:
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        guard state.isOpen, state.count == 0 else { return true }
                        state.reader = continuation
                        state.isReaderWaiting = true
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            }
        }
    }

    private enum Taken {
        case bytes([UInt8], [CheckedContinuation<Bool, Never>], (@Sendable () -> Void)?)
        case finished, cut, nothing
    }

    private func takeAll() -> Taken {
        state.withLock { state in
            if case .aborted = state.phase { return .cut }
            guard state.count > 0 else {
                if case .finishing = state.phase { return .finished }
                return .nothing
            }
            let bytes = Array(state.buffer[state.start...])
            state.buffer = []
            state.start = 0
            guard state.saidFull else { return .bytes(bytes, [], nil) }
            state.saidFull = false
            return .bytes(bytes, state.takeWaiters(), state.onWritable)
        }
    }
}
