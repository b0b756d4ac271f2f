import GatewayTestSupport
import Glibc
import HTTPServer
import Logging
import Profiles
import Tenants
import Testing

@testable import Gateway

struct LargeBodyTests {
    /// A thread that asks as a connection's event loop does, and whether the answer was made on it.
    private func answersInline(_ head: RequestHead, _ body: [UInt8], _ gateway: Gateway) async throws -> Bool {
        guard case .accept(_, let handler) = gateway.admit(head) else {
            throw ServerFailure.stopping
        }
        return await withCheckedContinuation { continuation in
            TestThread.start {
                let thread = pthread_self()
                Task.immediate {
                    let response = await handler(Request(head: head, body: body))
                    #expect(response.status == .ok)
                    continuation.resume(returning: pthread_equal(thread, pthread_self()) != 0)
                }
            }
        }
    }

    @Test(arguments: [(1 << 10, true), (1 << 20, false)])
    func `a large body is worked on off the connection's thread`(size: Int, isInline: Bool) async throws {
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
        #expect(try await answersInline(head, body, composition.gateway) == isInline)
        await composition.close()
    }
}
