import Glibc

package struct SocketFailure: Error {
    package let call: String
    package let code: Int32
}

/// Listening sockets on 127.0.0.1 with a port of the system's choice.
package enum LoopbackSocket {
    package static func listen(backlog: Int32) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(call: "socket", code: errno) }
        var address = loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, size) == 0 && Glibc.listen(descriptor, backlog) == 0
                    && getsockname(descriptor, generic, &size) == 0
            }
        }
        guard bound else {
            defer { close(descriptor) }
            throw SocketFailure(call: "bind", code: errno)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A port on which nobody listens (it was free a moment ago).
    package static func refusingPort() throws -> UInt16 {
        let (descriptor, port) = try listen(backlog: 1)
        close(descriptor)
        return port
    }

    fileprivate static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// A port that answers no connection attempt at all: its backlog is full, so the kernel drops what comes.
package final class BlackHole: Sendable {
    package let port: UInt16
    private let descriptors: [Int32]

    package init() throws {
        let (listener, port) = try LoopbackSocket.listen(backlog: 0)
        self.port = port
        var descriptors = [listener]
        for _ in 0..<4 {
            let filler = socket(
                AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            guard filler >= 0 else { throw SocketFailure(call: "socket", code: errno) }
            descriptors.append(filler)
            var address = LoopbackSocket.loopback(port: port)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    _ = connect(filler, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        self.descriptors = descriptors
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }
}
