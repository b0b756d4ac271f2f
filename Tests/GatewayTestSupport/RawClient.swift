internal import Dispatch
internal import Glibc

/// A client that sends exactly the bytes it is told to, with a deadline on every read.
///
/// Its blocking calls run on queues of its own, one per direction: Swift's pool has as many threads as the machine has processors, and
/// the handlers of the server under test need them.
package final class RawClient: Sendable {
    private let descriptor: CInt
    private let sending = DispatchQueue(label: "raw client sends")
    private let receiving = DispatchQueue(label: "raw client receives")

    /// Connects to 127.0.0.1, or to a Unix socket. `receiveBuffer` makes the kernel's buffer small, for back-pressure.
    package init(port: UInt16, receiveBuffer: Int32? = nil, from source: String = "127.0.0.1") throws {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError("socket", errno) }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var one: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        if source != "127.0.0.1" {
            inet_pton(AF_INET, source, &address.sin_addr)
            try Self.call("bind", &address) { bind(descriptor, $0, $1) }
        }
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        address.sin_port = port.bigEndian
        try Self.call("connect", &address) { connect(descriptor, $0, $1) }
    }

    package init(unixPath: String) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError("socket", errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixPath.utf8) }
        try Self.call("connect", &address) { connect(descriptor, $0, $1) }
    }

    deinit { close(descriptor) }

    private static func call<Address>(
        _ name: String, _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws {
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else { throw SocketError(name, errno) }
    }

    private func run<Result: Sendable>(
        on queue: DispatchQueue, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }

    /// Sends all of the bytes; throws when the other side does not take them.
    package func send(_ bytes: [UInt8]) async throws {
        try await run(on: sending) { [self] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw SocketError("send", errno) }
                sent += count
            }
        }
    }

    package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Closes our direction only.
    package func shutdownWriting() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Closes both directions; the descriptor itself lives as long as the client.
    package func disconnect() { shutdown(descriptor, CInt(SHUT_RDWR)) }

    /// Makes closing send a reset instead of an orderly end.
    package func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// The next bytes; empty at the end of the connection, also after a reset. Throws when none come in time.
    package func receive(_ limit: Int = 64 << 10, within seconds: Double = Patience.seconds) async throws -> [UInt8] {
        try await run(on: receiving) { [self] in
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, CInt(seconds * 1000)) == 1 else {
                throw SocketError("nothing came within \(seconds) s")
            }
            return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                count = max(0, recv(descriptor, buffer.baseAddress, limit, 0))
            }
        }
    }

    /// Everything until the other side closes.
    package func receiveToEnd(within seconds: Double = Patience.seconds) async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await receive(within: seconds)
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Everything until the other side closes, as text.
    package func textToEnd(within seconds: Double = Patience.seconds) async throws -> String {
        String(decoding: try await receiveToEnd(within: seconds), as: UTF8.self)
    }
}

/// What a system call said.
package struct SocketError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    init(_ call: String, _ number: CInt) { description = "\(call): \(String(cString: strerror(number)))" }
}
