import Glibc
import Synchronization

/// What a fake upstream's script does with one request. Everything blocks, on the connection's own thread.
package final class FakeExchange: Sendable {
    private let descriptor: Int32
    private let state = Mutex(false)

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Whether the script ended the connection.
    var ended: Bool { state.withLock { $0 } }

    /// A whole answer with `Content-Length`.
    package func respond(
        _ status: Int = 200, headers: [(String, String)] = [("Content-Type", "application/json")], _ body: String = ""
    ) {
        var text = "HTTP/1.1 \(status) Whatever\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        send(text + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
    }

    /// The head of a chunked answer; `chunk` and `endChunks` follow.
    package func beginChunks(
        _ status: Int = 200, headers: [(String, String)] = [("Content-Type", "text/event-stream")]
    ) {
        var text = "HTTP/1.1 \(status) Whatever\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        send(text + "Transfer-Encoding: chunked\r\n\r\n")
    }

    @discardableResult
    package func chunk(_ text: String) -> Bool {
        send(String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n")
    }

    package func endChunks() {
        send("0\r\n\r\n")
    }

    /// Sends bytes as they are; false when the client is gone.
    @discardableResult
    package func send(_ text: String) -> Bool {
        send(Array(text.utf8))
    }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    package func sleep(milliseconds: Int) {
        usleep(UInt32(milliseconds) * 1000)
    }

    /// Waits until the client has closed or reset the connection; false if it has not in twice a test's patience.
    package func waitForHangUp() -> Bool {
        var poller = pollfd(fd: descriptor, events: pollReadHangUp, revents: 0)
        return poll(&poller, 1, Int32(Patience.seconds * 2000)) > 0
    }

    /// Closes the connection after what was sent.
    package func close() {
        state.withLock { $0 = true }
    }

    /// Resets the connection.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        state.withLock { $0 = true }
    }
}

/// `POLLRDHUP`, which Glibc's module hides behind a feature macro.
private let pollReadHangUp: Int16 = 0x2000
