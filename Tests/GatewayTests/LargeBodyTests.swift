import GatewayTestSupport
import HTTPServer
import Logging
import Profiles
import Synchronization
import Tenants
import Testing

@testable import Gateway

struct LargeBodyTests {
    /// Asks on a thread of its own, as a connection's event loop does; whether it was held until the answer was made.
    private func holdsThread(_ head: RequestHead, _ body: [UInt8], _ gateway: Gateway) async throws -> Bool {
        guard case .accept(_, let handler) = gateway.admit(head) else {
            throw ServerFailure.stopping
        }
        let answered = Answered()
        let isHeld = await withCheckedContinuation { continuation in
            TestThread.start {
                answered.task.withLock { task in
                    task = Task.immediate {
                        let response = await handler(Request(head: head, body: body))
                        answered.isMade.store(true, ordering: .relaxed)
                        return response
                    }
                }
                continuation.resume(returning: answered.isMade.load(ordering: .relaxed))
            }
        }
        let response = await answered.task.withLock { $0 }?.value
        #expect(response?.status == .ok)
        return isHeld
    }

    private final class Answered: Sendable {
        let isMade = Atomic(false)
        let task = Mutex<Task<Response, Never>?>(nil)
    }

    @Test(arguments: [(1 << 10, true), (8 << 20, false)])
    func `a large body is worked on off the connection's thread`(size: Int, isHeld: Bool) async throws {
        let scratch = try ScratchDirectory()
        var configuration = GatewayConfiguration()
        configuration.dataDirectory = scratch.path + "/data"
        let composition = try Composition(configuration, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = try await composition.tenants.open(try #require(configuration.defaultTenant))
        let text = String(repeating: "x", count: size)
        let body = Array(#"{"messages":[{"role":"user","content":"\#(text)"}]}"#.utf8)
        let head = RequestHead(
            method: .post, target: try RequestTarget("/v1/chat/completions"),
            headers: ["Host": "localhost", "Content-Type": "application/json"], remoteAddress: .unix,
            contentLength: body.count)
        #expect(try await holdsThread(head, body, composition.gateway) == isHeld)
        await composition.close()
    }
}
