import Glibc

/// Cuts a stream of server-sent events into whole events without reading their JSON, and sees whether it ended
/// with `data: [DONE]`.
///
/// Bytes that are whole events already are handed on where they lie; only the beginning of an unfinished event is
/// copied. So a stream that breaks off never leaves half a line behind for the client to choke on.
package struct EventStreamFramer {
    /// `data: [DONE]` has gone by as a finished event.
    package private(set) var isDone = false
    /// The beginning of an event whose end has not come yet.
    package private(set) var pending: [UInt8] = []

    private var line = LineState()
    private var doneLineSeen = false
    private var lastWasCarriageReturn = false

    package init() {}

    /// Takes the next bytes and calls `body` at most once, with all that is whole by now.
    package mutating func feed<R>(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        let boundary = endOfLastEvent(in: bytes)
        guard boundary > 0 else {
            pending.append(contentsOf: bytes)
            return nil
        }
        let whole = UnsafeRawBufferPointer(rebasing: bytes[..<boundary])
        let rest = UnsafeRawBufferPointer(rebasing: bytes[boundary...])
        guard !pending.isEmpty else {
            pending.append(contentsOf: rest)
            return body(whole)
        }
        var event = pending
        event.append(contentsOf: whole)
        pending = Array(rest)
        return event.withUnsafeBytes(body)
    }

    /// At the end of the connection: a last event that lacks only its empty line counts as whole if it is `[DONE]`.
    package mutating func finish() -> [UInt8]? {
        if line.isDone { doneLineSeen = true }
        guard doneLineSeen, !isDone else { return nil }
        isDone = true
        defer { pending = [] }
        let newlines = pending.last == UInt8(ascii: "\n") ? "\n" : "\n\n"
        return pending + Array(newlines.utf8)
    }

    /// The position after the last empty line (its line end included), 0 if there is none.
    private mutating func endOfLastEvent(in bytes: UnsafeRawBufferPointer) -> Int {
        var boundary = 0
        var position = 0
        // With CR LF, the LF belongs to the line end that the CR began, perhaps in the bytes before.
        if lastWasCarriageReturn, let first = bytes.first {
            if first == UInt8(ascii: "\n") {
                position = 1
                if line.isAfterEmptyLine { boundary = 1 }
            }
            lastWasCarriageReturn = false
        }
        let hasCarriageReturns = Self.find(UInt8(ascii: "\r"), in: bytes, from: 0) != nil
        while position < bytes.count {
            guard let end = Self.endOfLine(in: bytes, from: position, mayBeCarriageReturn: hasCarriageReturns) else {
                line.extend(with: UnsafeRawBufferPointer(rebasing: bytes[position...]))
                break
            }
            line.extend(with: UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            var next = end + 1
            if bytes[end] == UInt8(ascii: "\r") {
                if next == bytes.count {
                    lastWasCarriageReturn = true
                } else if bytes[next] == UInt8(ascii: "\n") {
                    next += 1
                }
            }
            if line.isDone { doneLineSeen = true }
            if line.isEmpty {
                boundary = next
                if doneLineSeen { isDone = true }
            }
            line.end()
            position = next
        }
        return boundary
    }

    private static func endOfLine(
        in bytes: UnsafeRawBufferPointer, from start: Int, mayBeCarriageReturn: Bool
    ) -> Int? {
        let newline = find(UInt8(ascii: "\n"), in: bytes, from: start)
        guard mayBeCarriageReturn, let other = find(UInt8(ascii: "\r"), in: bytes, from: start) else { return newline }
        return min(newline ?? other, other)
    }

    private static func find(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(byte), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}

/// What is known of the line being read: its first bytes and its length.
private struct LineState {
    private var head: [16 of UInt8] = [16 of UInt8](repeating: 0)
    private var length = 0
    /// The line before this one was empty, and this one has not begun.
    private(set) var isAfterEmptyLine = false

    var isEmpty: Bool { length == 0 }

    /// Whether the line reads `data: [DONE]`, with or without blanks around the mark.
    var isDone: Bool {
        guard length >= 11, length <= 16 else { return false }
        var bytes: [UInt8] = []
        for index in 0..<length where head[index] != 0x20 { bytes.append(head[index]) }
        return bytes.elementsEqual("data:[DONE]".utf8)
    }

    mutating func extend(with bytes: UnsafeRawBufferPointer) {
        var index = length
        for byte in bytes.prefix(max(0, 16 - length)) {
            head[index] = byte
            index += 1
        }
        length += bytes.count
    }

    mutating func end() {
        isAfterEmptyLine = length == 0
        length = 0
    }
}
