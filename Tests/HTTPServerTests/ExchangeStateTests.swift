import Testing

@testable import HTTPServer

/// The decisions of a request's life, without a socket.
@Suite struct ExchangeStateTests {
    private static func response(_ code: UInt16) -> Response { Response(status: Status(code)) }

    private static func bytes(_ count: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        [UInt8](repeating: 0, count: count).withUnsafeBytes(body)
    }

    private static func collecting(_ limit: Int) -> ExchangeState {
        ExchangeState(input: .collecting([], limit: limit), output: .handler { _ in response(200) })
    }

    private func wrongStep(_ location: SourceLocation = #_sourceLocation) {
        Issue.record("another step was decided", sourceLocation: location)
    }

    private static func code(_ step: ExchangeState.ReadyStep) -> UInt16? {
        if case .answer(let response) = step { response.status.code } else { nil }
    }

    @Test func `a collected body reaches the handler whole and once`() {
        var state = Self.collecting(10)
        for _ in 0..<2 {
            Self.bytes(5) { bytes in
                guard case .nothing = state.received(bytes) else { return wrongStep() }
            }
        }
        guard case .start(_, let body) = state.ready() else { return wrongStep() }
        #expect(body.count == 10)
        guard case .wait = state.ready() else { return wrongStep() }
    }

    @Test func `one byte too many is noticed, and the first refusal stands`() {
        var state = Self.collecting(4)
        Self.bytes(5) { bytes in
            guard case .tooLarge(4) = state.received(bytes) else { return wrongStep() }
        }
        #expect(state.refuse(Self.response(413), drain: 10).isMine)
        #expect(!state.refuse(Self.response(503), drain: 10).isMine)
        guard case .answer(let answer) = state.ready() else { return wrongStep() }
        #expect(answer.status.code == 413)
        #expect(answer.closesConnection)
    }

    @Test func `drained bytes beyond the limit give the last words once`() {
        var state = Self.collecting(4)
        _ = state.refuse(Self.response(413), drain: 10)
        Self.bytes(10) { bytes in
            guard case .nothing = state.received(bytes) else { return wrongStep() }
        }
        Self.bytes(1) { bytes in
            guard case .lastWords(let response) = state.received(bytes) else { return wrongStep() }
            #expect(response.status.code == 413)
        }
        Self.bytes(1) { bytes in
            guard case .nothing = state.received(bytes) else { return wrongStep() }
        }
        #expect(!state.late().isMine)
        guard case .cut = state.ready() else { return wrongStep() }
    }

    @Test func `only a suspended connection is resumed, and only once`() {
        var inline = ExchangeState(output: .running)
        guard case .nothing = inline.completed(Self.response(200), drain: 0) else { return wrongStep() }
        #expect(Self.code(inline.ready()) == 200)

        var suspended = ExchangeState(output: .waiting)
        guard case .resume = suspended.completed(Self.response(503), drain: 0) else { return wrongStep() }
        guard case .discard = suspended.completed(Self.response(200), drain: 0) else { return wrongStep() }
        #expect(Self.code(suspended.ready()) == 503)
        guard case .cut = suspended.ready() else { return wrongStep() }
    }

    @Test func `the body's deadline takes the answer that is there, or asks for one, and nobody answers after it`() {
        var collecting = Self.collecting(4)
        let (none, isAsked) = collecting.late()
        #expect(none == nil && isAsked)
        #expect(!collecting.refuse(Self.response(413), drain: 0).isMine)

        var refused = Self.collecting(4)
        _ = refused.refuse(Self.response(413), drain: 10)
        let (response, isMine) = refused.late()
        #expect(response?.status.code == 413 && isMine)

        var over = ExchangeState(output: .over)
        #expect(!over.late().isMine)
        guard case .discard = over.completed(Self.response(200), drain: 0) else { return wrongStep() }
    }

    @Test func `a handler that answers early has the rest of its body drained, one that read it all has not`() {
        let stream = BodyStream([])
        var early = ExchangeState(input: .streaming(stream, left: 10, limit: 10), output: .running)
        guard case .drain = early.completed(Self.response(200), drain: 5) else { return wrongStep() }
        guard case .answer(let answer) = early.ready() else { return wrongStep() }
        #expect(answer.closesConnection)

        var late = ExchangeState(input: .streaming(stream, left: 10, limit: 10), output: .running)
        #expect(late.bodyEnded() === stream)
        guard case .nothing = late.completed(Self.response(200), drain: 5) else { return wrongStep() }
        guard case .answer(let kept) = late.ready() else { return wrongStep() }
        #expect(!kept.closesConnection)
    }
}
