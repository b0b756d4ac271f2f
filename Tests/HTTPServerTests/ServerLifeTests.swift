import GatewayTestSupport
import Glibc
import HTTPServer
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerLifeTests {
    private static func sleeper(_ time: Duration, started: Recorder<Void> = Recorder()) -> TestResponder {
        TestResponder { _ in
            .accept(.collect(upTo: 1000)) { _ in
                started.record(())
                do { try await Task.sleep(for: time) } catch { return .text("cancelled") }
                return .text("slept")
            }
        }
    }

    /// `stop` blocks, so it runs on a thread of its own.
    private static func stop(_ server: Server) async {
        await withCheckedContinuation { continuation in
            Thread.detach {
                server.stop()
                continuation.resume()
            }
        }
    }

    @Test func `draining lets a suspended request finish, refuses new connections and closes after answers`()
        async throws
    {
        let started = Recorder<Void>()
        let server = try TestServer(responder: Self.sleeper(.milliseconds(1200), started: started))
        let running = try server.connect()
        try await running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await started.first()
        let idle = try server.connect()
        try await eventually { server.server.connectionCount == 2 }
        async let drained: Void = server.server.drain(grace: .seconds(10))
        try await eventually {
            do {
                _ = try server.connect()
                return false
            } catch {
                return true
            }
        }
        // A request on a connection that was accepted before is still served.
        try await idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in [running, idle] {
            let answer = try await client.textToEnd()
            #expect(answer.hasSuffix("slept"))
            #expect(answer.contains("Connection: close\r\n"))
        }
        await drained
        await Self.stop(server.server)
        #expect(server.server.connectionCount == 0)
    }

    @Test func `when the grace is over handlers are cancelled and answered for, streams end as they wish`() async throws
    {
        let started = Recorder<Void>()
        let endings = Recorder<ResponseStream.Ending>()
        let server = try TestServer(
            responder: TestResponder { head in
                .accept(.collect(upTo: 1000)) { _ in
                    started.record(())
                    if head.target.path == ["sleep"] {
                        do { try await Task.sleep(for: .seconds(600)) } catch { return .text("cancelled") }
                    }
                    let stream = ResponseStream()
                    stream.onClose { endings.record($0) }
                    if head.target.path == ["polite"] {
                        stream.onShutdown { stream in
                            stream.write("the end")
                            stream.finish()
                        }
                    }
                    stream.write("begun")
                    return Response(status: .ok, body: .stream(stream))
                }
            })
        let clients = try ["sleep", "polite", "rude"].map { ($0, try server.connect()) }
        for (path, client) in clients { try await client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n") }
        try await eventually { started.all.count == 3 }
        await server.server.drain(grace: .milliseconds(200))
        var answers: [String: ResponseReader.Received] = [:]
        for (path, client) in clients {
            var reader = ResponseReader(client)
            answers[path] = try await reader.next()
        }
        #expect(answers["sleep"]?.status == 503)
        #expect(answers["sleep"]?.text == "failure: the server is stopping")
        #expect(answers["polite"]?.text == "begunthe end")
        #expect(answers["polite"]?.isComplete == true)
        #expect(answers["rude"]?.text == "begun")
        #expect(answers["rude"]?.isComplete == false)
        await Self.stop(server.server)
        #expect(Set(endings.all.map { "\($0)" }) == ["finished", "aborted"])
    }

    @Test(arguments: [1, 40])
    func `stops with suspended connections, streams, bodies and idle ones present`(_ count: Int) async throws {
        let server = try TestServer(
            responder: TestResponder { head in
                switch head.target.path.first {
                case "sleep":
                    .accept(.collect(upTo: 1000)) { _ in
                        do { try await Task.sleep(for: .seconds(600)) } catch { return .text("cancelled") }
                        return .text("slept")
                    }
                case "deaf":
                    .accept(.collect(upTo: 1000)) { _ in
                        await Task { try? await Task.sleep(for: .seconds(10)) }.value
                        return .text("deaf")
                    }
                case "upload":
                    .accept(.stream(upTo: 100 << 20)) { request in
                        do { try await Task.sleep(for: .seconds(600)) } catch { return .text("cancelled") }
                        return .text("uploaded")
                    }
                default: .reject(Response(status: .ok, body: .stream(ResponseStream())))
                }
            })
        var clients: [RawClient] = []
        for _ in 0..<count {
            for path in ["sleep", "deaf", "stream"] {
                let client = try server.connect()
                try await client.send("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                clients.append(client)
            }
            let upload = try server.connect()
            try await upload.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            // As much as goes in without anybody reading it, so that the body is held back.
            try await upload.send([UInt8](repeating: 1, count: 400_000))
            clients.append(upload)
            clients.append(try server.connect())
        }
        try await eventually { server.server.activeCount == 4 * count }
        await Self.stop(server.server)
        for client in clients {
            while try await !client.receive().isEmpty {}
        }
    }

    @Test func `stopping and draining may come twice, at once and before the start`() async throws {
        let unstarted = Server(
            ServerConfiguration(listen: [.address(.ipv4(0x7F00_0001, port: 0))]), responder: TestResponder(),
            log: { _, _ in })
        unstarted.stop()
        let server = try TestServer(responder: Self.sleeper(.seconds(60)))
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually { server.server.activeCount == 1 }
        async let one: Void = server.server.drain(grace: .seconds(60))
        async let two: Void = server.server.drain(grace: .milliseconds(100))
        try await Task.sleep(for: .milliseconds(20))
        async let three: Void = Self.stop(server.server)
        async let four: Void = Self.stop(server.server)
        _ = await (one, two, three, four)
        #expect(try await client.textToEnd().contains(" 503 "))
        #expect(throws: ServerError.self) { try server.server.start() }
    }

    /// Starting and stopping meet in every possible way.
    @Test func `a server that is stopped while it starts does not serve afterwards`() async throws {
        for _ in 0..<300 {
            let server = Server(
                ServerConfiguration(listen: [.address(.ipv4(0x7F00_0001, port: 0))], threads: 2),
                responder: TestResponder(), log: { _, _ in })
            let runs = Atomic(false)
            let starting = Task.detached {
                runs.store(true, ordering: .relaxed)
                return try? server.start()
            }
            while !runs.load(ordering: .relaxed) { await Task.yield() }
            for _ in 0..<Int.random(in: 0..<2000) { _ = runs.load(ordering: .relaxed) }
            await Self.stop(server)
            let bound = await starting.value
            defer { server.stop() }
            if let port = bound?.first?.port {
                try #require(throws: SocketError.self) { try RawClient(port: port) }
            }
        }
    }

    /// A handler that is cancelled may come back before whoever cancelled it goes on.
    @Test func `no handler answers for itself that it was cancelled when the server stops`() async throws {
        let server = try TestServer(responder: Self.sleeper(.seconds(600)))
        var clients: [RawClient] = []
        for _ in 0..<200 {
            let client = try server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(client)
        }
        try await eventually { server.server.activeCount == 200 }
        await Self.stop(server.server)
        for client in clients { #expect(try await client.textToEnd().contains(" 503 ")) }
    }

    /// The connection of such a request is not suspended yet when the server first looks for what is under way.
    @Test(arguments: [false, true])
    func `a request that is only just beginning while the server stops is answered`(_ drains: Bool) async throws {
        let started = Recorder<Void>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    started.record(())
                    usleep(150_000)
                    do { try await Task.sleep(for: .seconds(600)) } catch { return .text("cancelled") }
                    return .text("slept")
                }
            })
        let client = try server.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await started.first()
        if drains { await server.server.drain(grace: .zero) } else { await Self.stop(server.server) }
        #expect(try await client.textToEnd().contains(" 503 "))
        await Self.stop(server.server)
    }

    /// A request with a body is seen before its handler has first suspended; then nobody knows its task yet.
    @Test func `a handler that is only just beginning while the server stops is cancelled`() async throws {
        let started = Recorder<Void>()
        let cancelled = Recorder<Void>()
        let server = try TestServer(
            responder: TestResponder { _ in
                .accept(.collect(upTo: 1000)) { _ in
                    started.record(())
                    usleep(150_000)
                    do { try await Task.sleep(for: .seconds(600)) } catch { cancelled.record(()) }
                    return .text("over")
                }
            })
        let client = try server.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        _ = try await started.first()
        await server.server.drain(grace: .zero)
        #expect(try await client.textToEnd().contains(" 503 "))
        _ = try await cancelled.first()
    }

    @Test func `refuses an address that is taken, and says which`() async throws {
        let server = try TestServer()
        let taken = try #require(server.bound.first)
        let error = #expect(throws: ServerError.self) { try TestServer([taken.address]) }
        #expect(error?.reason == .addressInUse)
        #expect(error?.description.contains("127.0.0.1:\(server.port): the address is already in use") == true)
        // None of several is bound when one is taken.
        let directory = try ScratchDirectory()
        let path = directory.file("s")
        #expect(throws: ServerError.self) { try TestServer([.unix(path: path), taken.address]) }
        #expect(throws: SocketError.self) { try RawClient(unixPath: path) }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `listens at several addresses, IPv6 and Unix sockets among them`() async throws {
        let directory = try ScratchDirectory()
        let path = directory.file("socket")
        let server = try TestServer(
            [.address(.ipv4(0x7F00_0001, port: 0)), .any(port: 0), .unix(path: path)],
            responder: TestResponder { head in .reject(.text(head.remoteAddress.host)) })
        #expect(server.bound.count == 3)
        for (client, host) in [
            (try server.connect(), "127.0.0.1"),
            (try RawClient(port: try #require(server.bound[1].port)), "127.0.0.1"),
            (try RawClient(unixPath: path), "unix"),
        ] {
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            var reader = ResponseReader(client)
            #expect(try await reader.next().text == host)
        }
        var information = stat()
        #expect(lstat(path, &information) == 0)
        #expect(information.st_mode & 0o777 == 0o660)
        await Self.stop(server.server)
        #expect(access(path, F_OK) != 0)
    }

    @Test func `takes over a Unix socket that a dead process left, but no other file and no living one`() async throws {
        let directory = try ScratchDirectory()
        let path = directory.file("socket")
        let first = try TestServer([.unix(path: path)])
        let error = #expect(throws: ServerError.self) { try TestServer([.unix(path: path)]) }
        #expect(error?.reason == .addressInUse)
        await Self.stop(first.server)
        // What a killed process leaves behind.
        let dead = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
        close(dead)
        let second = try TestServer([.unix(path: path)])
        let client = try RawClient(unixPath: path)
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        var reader = ResponseReader(client)
        #expect(try await reader.next().status == 200)
        await Self.stop(second.server)
        close(creat(path, 0o600))
        let other = #expect(throws: ServerError.self) { try TestServer([.unix(path: path)]) }
        #expect(other?.description.contains("is no socket") == true)
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a failed start says which address is not of this machine`() {
        let error = #expect(throws: ServerError.self) { try TestServer([.address(.ipv4(0xC000_0201, port: 0))]) }
        #expect(error?.description == "cannot listen at 192.0.2.1:0: this machine has no such address")
    }
}

/// A thread for calls that block.
enum Thread {
    static func detach(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            }, box)
        precondition(failure == 0, "no thread for a test")
        pthread_detach(thread)
    }
}
