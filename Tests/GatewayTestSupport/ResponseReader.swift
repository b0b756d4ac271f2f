/// Reads responses from a connection one after the other, as a keep-alive client does.
package struct ResponseReader {
    /// One response, with the transfer coding taken off.
    package struct Received: Sendable {
        package let status: Int
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]
        /// Whether the body had its proper end.
        package let isComplete: Bool

        package var text: String { String(decoding: body, as: UTF8.self) }

        package subscript(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    private let client: RawClient
    private var buffer: [UInt8] = []
    private let seconds: Double

    package init(_ client: RawClient, within seconds: Double = Patience.seconds) {
        self.client = client
        self.seconds = seconds
    }

    /// The next response. `hasBody` is false for the answer to a HEAD.
    package mutating func next(hasBody: Bool = true) async throws -> Received {
        var lines: [String] = []
        while true {
            let line = try await line()
            if line.isEmpty { break }
            lines.append(line)
        }
        guard let first = lines.first?.split(separator: " "), first.count >= 2, let status = Int(first[1]) else {
            throw SocketError("no status line: \(lines.first ?? "nothing")")
        }
        let headers = lines.dropFirst().map { line in
            let halves = line.split(separator: ":", maxSplits: 1)
            return (
                name: String(halves[0]),
                value: halves.count > 1 ? String(halves[1].drop { $0 == " " }) : ""
            )
        }
        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
        if status == 100 { return Received(status: status, headers: headers, body: [], isComplete: true) }
        guard hasBody, status != 204, status != 304 else {
            return Received(status: status, headers: headers, body: [], isComplete: true)
        }
        if header("transfer-encoding") == "chunked" {
            let (body, isComplete) = try await chunks()
            return Received(status: status, headers: headers, body: body, isComplete: isComplete)
        }
        if let length = header("content-length").flatMap(Int.init) {
            while buffer.count < length, try await fill() {}
            let body = Array(buffer.prefix(length))
            buffer.removeFirst(body.count)
            return Received(status: status, headers: headers, body: body, isComplete: body.count == length)
        }
        while try await fill() {}
        defer { buffer = [] }
        return Received(status: status, headers: headers, body: buffer, isComplete: true)
    }

    /// Whether the connection has ended and nothing is left of it.
    package mutating func isAtEnd() async throws -> Bool { buffer.isEmpty ? try await !fill() : false }

    private mutating func chunks() async throws -> (body: [UInt8], isComplete: Bool) {
        var body: [UInt8] = []
        while true {
            guard let text = try await optionalLine(), let size = Int(text, radix: 16) else { return (body, false) }
            while buffer.count < size + 2 {
                guard try await fill() else { return (body + buffer, false) }
            }
            body += buffer.prefix(size)
            buffer.removeFirst(size + 2)
            if size == 0 { return (body, true) }
        }
    }

    private mutating func line() async throws -> String {
        guard let line = try await optionalLine() else { throw SocketError("the connection ended before the response") }
        return line
    }

    private mutating func optionalLine() async throws -> String? {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            guard try await fill() else { return nil }
        }
    }

    private mutating func fill() async throws -> Bool {
        let bytes = try await client.receive(within: seconds)
        buffer += bytes
        return !bytes.isEmpty
    }
}
