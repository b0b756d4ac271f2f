import GatewayTestSupport
import HTTPServer
import Synchronization
import Testing

/// A server on a free port with a handler per test; stopped when the test lets go of it.
final class TestServer: Sendable {
    let server: Server
    let bound: [BoundAddress]
    let lines: LogLines

    init(
        _ listen: [ListenAddress] = [.address(.ipv4(0x7F00_0001, port: 0))],
        responder: any Responder = TestResponder(),
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = ServerConfiguration(listen: listen, threads: 2)
        configure(&configuration)
        let lines = LogLines()
        self.lines = lines
        server = Server(configuration, responder: responder) { level, text in lines.append("\(level): \(text)") }
        bound = try server.start()
    }

    deinit { server.stop() }

    var port: UInt16 { bound.first?.port ?? 0 }

    func connect() throws -> RawClient { try RawClient(port: port) }

    /// Sends bytes on a connection of their own and gives back all that comes until it closes.
    func exchange(_ text: String) async throws -> String {
        let client = try connect()
        try await client.send(text)
        return try await client.textToEnd()
    }
}

final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    func append(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// Admits by closure; says the method, the path and the size of the body by default. Failures are told in plain text.
struct TestResponder: Responder {
    var admission: @Sendable (RequestHead) -> Admission = { _ in
        .accept(.collect(upTo: 1 << 20)) { request in
            .text("\(request.head.method.rawValue) \(request.head.target.rawPath) \(request.body.count)")
        }
    }

    init() {}
    init(_ admission: @escaping @Sendable (RequestHead) -> Admission) { self.admission = admission }

    func admit(_ head: RequestHead) -> Admission { admission(head) }

    func failure(_ failure: ServerFailure, head: RequestHead?) -> Response {
        .text("failure: \(failure)", status: failure.status)
    }
}

extension Response {
    static func text(_ text: String, status: Status = .ok) -> Response {
        Response(status: status, headers: ["Content-Type": "text/plain"], body: .bytes(Array(text.utf8)))
    }
}
