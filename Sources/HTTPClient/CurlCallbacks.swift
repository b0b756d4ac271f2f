// Where libcurl's loop calls back into Swift, on the transport's thread. The context of every call is a `Transfer`,
// retained by `TransportCore.start` and released there when the transfer ends, so it is alive in all of these.

internal import CCurl

let curlCallbacks = CurlCallbacks(
    head: { context, status, block, length in
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        let bytes = UnsafeRawBufferPointer(start: block, count: block == nil ? 0 : length)
        return transfer.received(status: Int(status), block: bytes, now: ccurl_now_ms())
    },
    body: { context, bytes, length in
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return transfer.received(UnsafeRawBufferPointer(start: bytes, count: length), now: ccurl_now_ms())
    },
    done: { context, outcome, code, text in
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        transfer.finished(outcome, code: Int(code), text: text)
    }
)

extension TransferError {
    init(_ outcome: CurlOutcome, code: Int, text: String) {
        let kind: Kind =
            switch outcome {
            case .resolve: .resolve
            case .connect: .connectRefused
            case .connectTimeout: .connectTimeout
            case .reset: .reset
            case .truncated: .truncated
            case .TLS: .tls
            case .badURL: .badURL
            case .headTooLarge: .tooLarge
            case .aborted: .cancelled
            case .complete, .other: .other(code: code)
            }
        self.init(kind, text)
    }
}
