/// Writes server-sent events.
package enum EventStreamWriter {
    /// The end mark of OpenAI's streams, as an event.
    package static let done: [UInt8] = Array("data: [DONE]\n\n".utf8)
    /// A comment that keeps a quiet connection alive.
    package static let ping: [UInt8] = Array(": ping\n\n".utf8)

    /// One event; line ends inside `data` become further `data` lines, and one inside `name` is left out.
    ///
    /// - Parameter name: `nil` writes no `event` line, which means `message`.
    package static func event(name: String? = nil, data: some Sequence<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        if let name {
            bytes.append(contentsOf: "event: ".utf8)
            bytes.append(contentsOf: name.utf8.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes.append(contentsOf: "data: ".utf8)
        var afterCarriageReturn = false
        for byte in data {
            let continuesLineEnd = afterCarriageReturn && byte == UInt8(ascii: "\n")
            afterCarriageReturn = byte == UInt8(ascii: "\r")
            if continuesLineEnd { continue }
            if byte == UInt8(ascii: "\n") || afterCarriageReturn {
                bytes.append(contentsOf: "\ndata: ".utf8)
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
