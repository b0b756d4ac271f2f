import HTTPServer
import Testing

/// A stream read by a task of this process, without a connection.
@Suite(.timeLimit(.minutes(1))) struct ResponseStreamReadingTests {
    @Test func `gives what is written, piece by piece, and then the end`() async throws {
        let stream = ResponseStream()
        let endings = Recorder<ResponseStream.Ending>()
        stream.onClose { endings.record($0) }
        stream.write("before anybody reads")
        #expect(try await stream.next() == Array("before anybody reads".utf8))
        let reader = Task { try await stream.next() }
        // Whether the reader waits already or not, it gets this.
        await Task.yield()
        stream.write("later")
        #expect(try await reader.value == Array("later".utf8))
        stream.finish()
        #expect(try await stream.next() == nil)
        #expect(try await endings.first() == .finished)
        #expect(stream.write("after the end") == .closed)
    }

    @Test func `gives what was written before the end, then the end`() async throws {
        let stream = ResponseStream()
        stream.write("last")
        stream.finish()
        #expect(try await stream.next() == Array("last".utf8))
        #expect(try await stream.next() == nil)
    }

    @Test func `tells a cut from an end, also to a reader that waits`() async throws {
        let stream = ResponseStream()
        let reader = Task { try await stream.next() }
        await Task.yield()
        stream.abort()
        await #expect(throws: ResponseStream.Cut.self) { try await reader.value }
        await #expect(throws: ResponseStream.Cut.self) { try await stream.next() }
    }

    @Test func `lets a writer that filled the mailbox go on when it is read`() async throws {
        let stream = ResponseStream(capacity: 8)
        #expect(stream.write("12345678") == .full)
        let writer = Task { await stream.waitUntilWritable() }
        #expect(try await stream.next()?.count == 8)
        #expect(await writer.value)
        #expect(stream.write("1") == .open)
    }

    @Test func `loses and doubles nothing between a writer and a reader that run at once`() async throws {
        let stream = ResponseStream(capacity: 64)
        let writer = Task {
            for number in 0..<5_000 {
                if stream.write("\(number) ") == .full { guard await stream.waitUntilWritable() else { return } }
            }
            stream.finish()
        }
        var bytes: [UInt8] = []
        while let piece = try await stream.next() { bytes += piece }
        await writer.value
        #expect(
            bytes.split(separator: UInt8(ascii: " ")).map { Int(String(decoding: $0, as: UTF8.self)) }
                == Array(0..<5_000))
    }
}
