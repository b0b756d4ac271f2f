import HTTPClient
import JSON
import Synchronization
import Testing

@testable import Upstreams

@Suite(.timeLimit(.minutes(1)))
struct EchoUpstreamTests {
    let echo = EchoUpstream()

    private func content(_ body: String, showsSystemText: Bool = false) async throws -> String {
        let response = try await echo.send(
            UpstreamRequest(body: Array(body.utf8), showsSystemText: showsSystemText))
        return try Completion(parsing: response.body).output
    }

    static let request = #"""
        {"model":"gpt-4o","temperature":0,"messages":[
          {"role":"system","content":"Be brief."},{"role":"user","content":"first"},
          {"role":"assistant","content":"a"},{"role":"user","content":[{"type":"text","text":"hello"},{"type":"image_url"}]}],
         "tools":[{"type":"function","function":{"name":"calculator"}},{"type":"function","function":{"name":"search"}}],
         "stop":["x"]}
        """#

    @Test func `a whole answer reports what came`() async throws {
        let response = try await echo.send(UpstreamRequest(body: Array(Self.request.utf8), showsSystemText: true))
        #expect(response.head.contentType == "application/json")
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"id":"chatcmpl-echo-\#(try id(response.body))","object":"chat.completion","created":0,"model":"gpt-4o","#
                + #""choices":[{"index":0,"message":{"role":"assistant","content":"echo: hello [image_url]\nmodel: gpt-4o\n"#
                + #"system: Be brief.\ntools: calculator, search\nmessages: 4\n"#
                + #"parameters: {\"stop\":[\"x\"],\"temperature\":0}"},"finish_reason":"stop"}],"#
                + #""usage":{"prompt_tokens":5,"completion_tokens":34,"total_tokens":39}}"#)
    }

    private func id(_ body: [UInt8]) throws -> String {
        let id = try #require(JSONValue(parsing: body)["id"]?.stringValue)
        return String(id.dropFirst("chatcmpl-echo-".count))
    }

    @Test func `equal requests get equal bytes, others do not`() async throws {
        func bytes(_ body: String) async throws -> [UInt8] {
            try await echo.send(UpstreamRequest(body: Array(body.utf8))).body
        }
        let one = try await bytes(#"{"messages":[{"role":"user","content":"a"}]}"#)
        #expect(try await bytes(#"{"messages":[{"role":"user","content":"a"}]}"#) == one)
        #expect(try await bytes(#"{"messages":[{"role":"user","content":"b"}]}"#) != one)
    }

    @Test func `system text is hidden unless allowed`() async throws {
        let hidden = try await content(Self.request)
        #expect(hidden.contains("system: (hidden)"))
        #expect(!hidden.contains("Be brief."))
    }

    @Test func `a stream is the same answer word by word`() async throws {
        let body =
            #"{"messages":[{"role":"user","content":"a  b\nc é"}],"stream":true,"stream_options":{"include_usage":true}}"#
        let sink = CollectingSink()
        echo.stream(UpstreamRequest(body: Array(body.utf8)), to: sink)
        let record = await sink.end()
        #expect(record.ends.count == 1 && record.ends[0] == nil)
        #expect(record.heads.map(\.contentType) == ["text/event-stream"])
        #expect(record.pieces.last == "data: [DONE]\n\n")
        #expect(record.pieces.count > 10)

        var accumulator = CompletionAccumulator()
        var texts: [String] = []
        for piece in record.pieces {
            texts += try Array(piece.utf8).withUnsafeBytes { bytes throws(CompletionError) in try accumulator.add(bytes)
            }
        }
        #expect(accumulator.isDone)
        #expect(texts.joined() == accumulator.completion.output)
        #expect(accumulator.completion.output.hasPrefix("echo: a  b\nc é\nmodel: echo\nmessages: 1"))
        #expect(accumulator.completion.finishReason == "stop")
        let output = accumulator.completion.output
        #expect(accumulator.completion.usage == TokenUsage(inputTokens: 3, outputTokens: (output.utf8.count + 3) / 4))

        let chunks = try record.pieces.dropLast().map { try JSONValue(parsing: String($0.dropFirst(6).dropLast(2))) }
        #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" })
        #expect(chunks.first?["choices"]?[0]?["delta"] == ["role": "assistant", "content": ""])
        #expect(chunks.dropLast().allSatisfy { $0["usage"]?.isNull == true && $0["choices"]?.arrayValue?.count == 1 })
        #expect(chunks.dropLast().last?["choices"]?[0]?["finish_reason"] == "stop")
        #expect(chunks.last?["choices"] == [])
    }

    @Test func `without include_usage no chunk has usage`() async throws {
        let sink = CollectingSink()
        echo.stream(UpstreamRequest(body: Array(#"{"messages":[{"role":"user","content":"a"}]}"#.utf8)), to: sink)
        let record = await sink.end()
        #expect(!record.text.contains("usage"))
        #expect(record.pieces.suffix(2).first?.contains(#""finish_reason":"stop""#) == true)
    }

    @Test(arguments: [#""required""#, #"{"type":"function","function":{"name":"search"}}"#])
    func `a forced tool is called`(choice: String) async throws {
        let body =
            #"{"messages":[{"role":"user","content":"a"}],"tool_choice":\#(choice),"tools":[{"type":"function","function":{"name":"search"}}]}"#
        let response = try await echo.send(UpstreamRequest(body: Array(body.utf8)))
        let completion = try Completion(parsing: response.body)
        #expect(completion.finishReason == "tool_calls")
        #expect(completion.output == "")
        #expect(
            completion.toolCalls == [
                ["id": "call_echo_1", "type": "function", "function": ["name": "search", "arguments": "{}"]]
            ])
        let sink = CollectingSink()
        echo.stream(UpstreamRequest(body: Array(body.utf8)), to: sink)
        var accumulator = CompletionAccumulator()
        for piece in await sink.end().pieces {
            _ = try Array(piece.utf8).withUnsafeBytes { bytes throws(CompletionError) in try accumulator.add(bytes) }
        }
        #expect(accumulator.completion.toolCalls == completion.toolCalls)
        #expect(accumulator.completion.finishReason == "tool_calls")
    }

    @Test func `n choices are answered`() async throws {
        let response = try await echo.send(
            UpstreamRequest(body: Array(#"{"n":2,"messages":[{"role":"user","content":"a"}]}"#.utf8)))
        #expect(try JSONValue(parsing: response.body)["choices"]?.arrayValue?.count == 2)
    }

    @Test(arguments: [
        ("", "the body is no JSON"), ("[]", "no JSON object"), (#"{"messages":[]}"#, "`messages`"),
        ("{}", "`messages`"),
        (#"{"messages":[{}],"n":0}"#, "`n`"), (#"{"messages":[{}],"n":17}"#, "`n`"),
    ])
    func `a body it cannot answer is refused`(body: String, phrase: String) async {
        for streaming in [false, true] {
            var failure: UpstreamError?
            if streaming {
                let sink = CollectingSink()
                echo.stream(UpstreamRequest(body: Array(body.utf8)), to: sink)
                failure = await sink.end().ends.first ?? nil
            } else {
                do { _ = try await echo.send(UpstreamRequest(body: Array(body.utf8))) } catch { failure = error }
            }
            #expect(failure?.status == 400)
            #expect(failure?.message.contains(phrase) == true)
        }
    }

    @Test func `a paused sink gets nothing until it resumes, also when it resumes before it has paused`() async throws {
        let gate = Atomic(false)
        let sink = CollectingSink { record in
            if record.pieces.count % 3 == 0 {
                record.call?.resume()
                return .pause
            }
            return gate.load(ordering: .relaxed) ? .more : .pause
        }
        let call = echo.stream(
            UpstreamRequest(body: Array(#"{"messages":[{"role":"user","content":"a b c d"}]}"#.utf8)), to: sink)
        try await Task.sleep(for: .milliseconds(100))
        #expect(sink.now.pieces.count == 1)
        #expect(sink.now.ends.isEmpty)
        gate.store(true, ordering: .relaxed)
        call.resume()
        #expect(await sink.end().text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test(arguments: [true, false])
    func `cancelling ends a stream that pauses or waits`(paused: Bool) async throws {
        let slow = EchoUpstream(wordDelay: paused ? .zero : .seconds(600))
        let sink = CollectingSink { _ in .pause }
        let call = slow.stream(
            UpstreamRequest(body: Array(#"{"messages":[{"role":"user","content":"a"}]}"#.utf8)), to: sink)
        try await Task.sleep(for: .milliseconds(50))
        call.cancel()
        #expect(await sink.end().ends.map { $0?.kind } == [.cancelled])
    }

    @Test(arguments: ["", "a", " a", "a ", "a b", "a\n\nb  c ", "é 漢\u{301} 😀"])
    func `words put together are the text`(text: String) {
        #expect(EchoAnswer.words(text).joined() == text)
    }
}
