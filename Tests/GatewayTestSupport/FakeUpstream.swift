// A small HTTP/1.1 server that does what a test's script says, including everything a good server would not:
// hang, drip, cut, reset. One thread per connection, blocking sockets; it is meant for hundreds of connections,
// not for speed.

import Glibc
import Synchronization

package final class FakeUpstream: Sendable {
    /// One request as it arrived.
    package struct Request: Sendable {
        /// The number of the connection it came on, from 1.
        package let connection: Int
        package let method: String
        package let target: String
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// The first header of that name, without regard to case.
        package subscript(name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package typealias Script = @Sendable (Request, FakeExchange) -> Void

    private struct State {
        var requests: [Request] = []
        var accepted = 0
        var open = 0
        var descriptors: Set<Int32> = []
        var stopped = false
    }

    package let port: UInt16
    private let listener: Int32
    private let script: Script
    private let greeting: String?
    private let state = Mutex(State())

    package var url: String { "http://127.0.0.1:\(port)" }
    package var requests: [Request] { state.withLock { $0.requests } }
    /// Connections accepted so far.
    package var acceptedConnections: Int { state.withLock { $0.accepted } }
    package var openConnections: Int { state.withLock { $0.open } }

    /// Listens on a free loopback port and answers every request with `script`, which runs on the connection's
    /// thread. The connection is kept alive after a script that did not end it.
    ///
    /// - Parameter greeting: if given, this is sent to every connection at once instead, nothing is read, and the
    ///   client has to hang up.
    package init(greeting: String? = nil, _ script: @escaping Script = { _, _ in }) throws {
        let (listener, port) = try LoopbackSocket.listen(backlog: 1024)
        self.listener = listener
        self.port = port
        self.script = script
        self.greeting = greeting
        TestThread.start { [self] in accept() }
    }

    /// Stops listening and closes every connection.
    package func stop() {
        let descriptors = state.withLock { state in
            let first = !state.stopped
            state.stopped = true
            return first ? state.descriptors : []
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Waits until `condition` holds for this server.
    package func wait(until condition: (FakeUpstream) -> Bool) async -> Bool {
        let end = ContinuousClock.now + Patience.limit
        while ContinuousClock.now < end {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return condition(self)
    }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            let number: Int? = state.withLock { state in
                guard !state.stopped else { return nil }
                state.accepted += 1
                state.open += 1
                state.descriptors.insert(descriptor)
                return state.accepted
            }
            guard let number else {
                close(descriptor)
                break
            }
            TestThread.start { [self] in
                serve(descriptor, number)
                state.withLock { state in
                    state.open -= 1
                    state.descriptors.remove(descriptor)
                }
                close(descriptor)
            }
        }
        close(listener)
    }

    private func serve(_ descriptor: Int32, _ number: Int) {
        if let greeting {
            let exchange = FakeExchange(descriptor: descriptor)
            exchange.send(greeting)
            _ = exchange.waitForHangUp()
            return
        }
        var reader = RequestReader(descriptor: descriptor)
        while let request = reader.next(connection: number) {
            state.withLock { $0.requests.append(request) }
            let exchange = FakeExchange(descriptor: descriptor)
            script(request, exchange)
            if exchange.ended { return }
        }
    }
}

/// Reads requests off one connection; bodies by Content-Length or chunked.
private struct RequestReader {
    let descriptor: Int32
    var buffer: [UInt8] = []

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    mutating func next(connection: Int) -> FakeUpstream.Request? {
        guard let head = take(through: "\r\n\r\n") else { return nil }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n").map(String.init)
        guard let first = lines.first?.split(separator: " "), first.count >= 2 else { return nil }
        let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (String(line[..<colon]), String(value))
        }
        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
        var body: [UInt8] = []
        if let length = header("content-length").flatMap({ Int($0) }) {
            guard let bytes = take(count: length) else { return nil }
            body = bytes
        } else if header("transfer-encoding") == "chunked" {
            while true {
                guard let line = take(through: "\r\n"),
                    let size = Int(String(decoding: line.dropLast(2), as: UTF8.self), radix: 16),
                    let chunk = take(count: size + 2)
                else { return nil }
                if size == 0 { break }
                body += chunk.dropLast(2)
            }
        }
        return FakeUpstream.Request(
            connection: connection, method: String(first[0]), target: String(first[1]), headers: headers, body: body)
    }

    private mutating func take(through mark: String) -> [UInt8]? {
        let pattern = Array(mark.utf8)
        var searched = 0
        while true {
            var start = max(0, searched - pattern.count)
            while start + pattern.count <= buffer.count {
                if buffer[start..<start + pattern.count].elementsEqual(pattern) {
                    return take(count: start + pattern.count)
                }
                start += 1
            }
            searched = buffer.count
            guard fill() else { return nil }
        }
    }

    private mutating func take(count: Int) -> [UInt8]? {
        while buffer.count < count {
            guard fill() else { return nil }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private mutating func fill() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer += piece[..<count]
        return true
    }
}
