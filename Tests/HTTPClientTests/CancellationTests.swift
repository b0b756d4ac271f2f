import GatewayTestSupport
import Synchronization
import Testing

@testable import HTTPClient

/// Cancelling must reach the other side, whatever the transfer waits for.
@Suite(.timeLimit(.minutes(1)))
struct CancellationTests {
    let transport: Transport

    init() throws {
        transport = try Transport()
    }

    /// Starts `request` in a task, cancels it when `ready` says so, and returns the failure.
    private func cancelled(
        _ request: TransferRequest, when ready: () async -> Bool
    ) async -> TransferError.Kind? {
        let task = Task { () -> TransferError.Kind? in
            do {
                _ = try await transport.send(request)
                return nil
            } catch {
                return (error as? TransferError)?.kind
            }
        }
        #expect(await ready())
        task.cancel()
        return await task.value
    }

    @Test func `while connecting`() async throws {
        let hole = try BlackHole()
        let kind = await cancelled(TransferRequest(url: "http://127.0.0.1:\(hole.port)/")) {
            try? await Task.sleep(for: .milliseconds(100))
            return true
        }
        #expect(kind == .cancelled)
    }

    @Test func `while waiting for the first byte, and the server sees it`() async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let kind = await cancelled(TransferRequest(method: "POST", url: fake.url, body: [0x31])) {
            await fake.wait { $0.requests.count == 1 }
        }
        #expect(kind == .cancelled)
        #expect(await fake.wait { _ in hungUp.load(ordering: .relaxed) })
    }

    @Test func `in the middle of the body, and the server sees it`() async throws {
        let hungUp = Atomic(false)
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            exchange.chunk("data: 1\n\n")
            hungUp.store(exchange.waitForHangUp(), ordering: .relaxed)
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink()
        let transfer = transport.stream(TransferRequest(url: fake.url), to: sink)
        #expect(await fake.wait { _ in sink.now.pieces == 1 })
        transfer.cancel()
        transfer.cancel()
        #expect(await fake.wait { _ in hungUp.load(ordering: .relaxed) })
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
    }

    @Test func `while paused`() async throws {
        let fake = try FakeUpstream { _, exchange in
            exchange.beginChunks()
            while exchange.chunk(String(repeating: "x", count: 4096)) {}
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink(keepsBytes: false, onPiece: { _ in .pause })
        let transfer = transport.stream(TransferRequest(url: fake.url), to: sink)
        #expect(await fake.wait { _ in sink.now.pieces == 1 })
        transfer.cancel()
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
        #expect(await fake.wait { $0.openConnections == 0 })
    }

    @Test func `a task that is cancelled already sends nothing and ends`() async throws {
        let fake = try FakeUpstream { _, exchange in
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        defer { fake.stop() }
        let task = Task { () -> TransferError.Kind? in
            withUnsafeCurrentTask { $0?.cancel() }
            do {
                _ = try await transport.send(TransferRequest(url: fake.url))
                return nil
            } catch {
                return (error as? TransferError)?.kind
            }
        }
        #expect(await task.value == .cancelled)
    }

    @Test func `after the end nothing happens`() async throws {
        let fake = try FakeUpstream { _, exchange in exchange.respond(200, "ok") }
        defer { fake.stop() }
        let ends = Atomic(0)
        let transfer = transport.send(TransferRequest(url: fake.url)) { _ in ends.add(1, ordering: .relaxed) }
        #expect(await fake.wait { _ in ends.load(ordering: .relaxed) == 1 })
        transfer.cancel()
        transfer.resume()
        // The transport is in order: another request still works, on the same connection.
        #expect(try await transport.send(TransferRequest(url: fake.url)).status == 200)
        #expect(fake.acceptedConnections == 1)
        #expect(ends.load(ordering: .relaxed) == 1)
    }

    @Test func `shutdown ends what runs, refuses what comes, and closes the connections`() async throws {
        let fake = try FakeUpstream { request, exchange in
            if request.target == "/hang" {
                _ = exchange.waitForHangUp()
                exchange.close()
            } else {
                exchange.respond(200, "ok")
            }
        }
        defer { fake.stop() }
        _ = try await transport.send(TransferRequest(url: fake.url))
        let kinds = Mutex<[TransferError.Kind?]>([])
        for _ in 0..<20 {
            transport.send(TransferRequest(url: fake.url + "/hang")) { result in
                kinds.withLock { kinds in
                    guard case .failure(let error) = result else { return kinds.append(nil) }
                    kinds.append(error.kind)
                }
            }
        }
        #expect(await fake.wait { $0.requests.count == 21 })
        await transport.shutdown()
        #expect(kinds.withLock { $0 } == Array(repeating: .cancelled, count: 20))
        #expect(await fake.wait { $0.openConnections == 0 })
        await #expect {
            try await transport.send(TransferRequest(url: fake.url))
        } throws: {
            ($0 as? TransferError)?.kind == .cancelled
        }
        await transport.shutdown()
    }

    @Test func `a dropped transport ends its thread and its transfers`() async throws {
        let fake = try FakeUpstream { _, exchange in
            _ = exchange.waitForHangUp()
            exchange.close()
        }
        defer { fake.stop() }
        let sink = RecordingSink()
        do {
            let shortLived = try Transport()
            shortLived.stream(TransferRequest(url: fake.url), to: sink)
            #expect(await fake.wait { $0.requests.count == 1 })
        }
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
        #expect(await fake.wait { $0.openConnections == 0 })
    }
}
