/// One request's life as a value: every method decides under the exchange's lock, the caller acts outside of it.
///
/// Two things go on side by side: the body comes in (`input`) and the answer comes about (`output`).
///
///     input   none · collecting · streaming → draining (the answer is known, the rest is thrown away)
///     output  handler → running → waiting (connection suspended) → ready → queued → over
///                             └──────────────────────────────────┘
///
/// Invariant: the connection pointer is alive while `output` is not `over`. The connection is suspended for the handler
/// exactly while `output` is `waiting`, and whoever moves it away from there is the only one who resumes.
struct ExchangeState {
    typealias Handler = @Sendable (Request) async -> Response

    enum Input {
        case none
        case collecting([UInt8], limit: Int)
        case streaming(BodyStream, left: Int, limit: Int)
        case draining(left: Int)
    }

    enum Output {
        /// To be started when the body is complete.
        case handler(Handler)
        case running
        case waiting
        case ready(Response)
        /// Given to libmicrohttpd, or sent past it.
        case queued(ResponseStream?)
        case over
    }

    var input = Input.none
    var output: Output
    var task: Task<Void, Never>?
    var clientIsGone = false

    /// What is to be done with bytes of the body.
    enum BodyStep {
        case nothing
        case feed(BodyStream)
        /// Too many: the caller has the 413 made and calls `refuse`.
        case tooLarge(limit: Int)
        /// Drained long enough: send this past libmicrohttpd.
        case lastWords(Response)
    }

    mutating func received(_ bytes: UnsafeRawBufferPointer) -> BodyStep {
        switch input {
        case .collecting(var body, let limit):
            guard bytes.count <= limit - body.count else { return .tooLarge(limit: limit) }
            input = .none  // the only reference, so that appending does not copy
            body.append(contentsOf: bytes)
            input = .collecting(body, limit: limit)
            return .nothing
        case .streaming(let stream, let left, let limit):
            guard bytes.count <= left else { return .tooLarge(limit: limit) }
            input = .streaming(stream, left: left - bytes.count, limit: limit)
            return .feed(stream)
        case .draining(let left):
            input = .draining(left: left - bytes.count)
            guard bytes.count > left, case .ready(let response) = output else { return .nothing }
            output = .queued(nil)
            return .lastWords(response)
        case .none: return .nothing
        }
    }

    /// Decides for this answer while the body is still coming in; false if another one is decided already.
    mutating func refuse(_ response: Response, drain: Int) -> (isMine: Bool, stream: BodyStream?) {
        var stream: BodyStream?
        if case .streaming(let body, _, _) = input { stream = body }
        switch output {
        case .handler, .running:
            input = .draining(left: drain)
            output = .ready(response)
            return (true, stream)
        case .waiting, .ready, .queued, .over: return (false, stream)
        }
    }

    /// What is to be done when the request is complete or was resumed.
    enum ReadyStep {
        case start(Handler, body: [UInt8])
        case answer(Response)
        /// The handler runs: suspend.
        case wait
        case cut
    }

    /// Takes note that the body is complete; gives back the stream that must be told.
    mutating func bodyEnded() -> BodyStream? {
        guard case .streaming(let stream, _, _) = input else { return nil }
        input = .none
        return stream
    }

    mutating func ready() -> ReadyStep {
        switch output {
        case .handler(let handler):
            var body: [UInt8] = []
            if case .collecting(let bytes, _) = input { body = bytes }
            input = .none
            output = .running
            return .start(handler, body: body)
        case .running: return .wait
        case .ready(var response):
            // After an early refusal the connection closes (gateway.md §4).
            if case .draining = input { response.closesConnection = true }
            output = .queued(response.stream)
            // A client is found gone once a request: nobody would look for the reader of this stream again.
            return clientIsGone && response.stream != nil ? .cut : .answer(response)
        case .waiting, .queued, .over: return .cut
        }
    }

    /// What is to be done with the response a handler came back with.
    enum CompletionStep {
        /// It is picked up by whoever calls `ready` next.
        case nothing
        case resume
        /// It came while the body is still coming in: nobody reads that any more.
        case drain(BodyStream)
        /// Nobody is there to get it.
        case discard
    }

    mutating func completed(_ response: Response, drain: Int) -> CompletionStep {
        switch output {
        case .running:
            output = .ready(response)
            guard case .streaming(let stream, _, _) = input else { return .nothing }
            input = .draining(left: drain)
            return .drain(stream)
        case .waiting:
            output = .ready(response)
            return .resume
        case .handler, .ready, .queued, .over: return .discard
        }
    }

    /// The deadline of the body has passed: the answer to send, or that a failure must be made for it.
    mutating func late() -> (response: Response?, isMine: Bool) {
        switch output {
        case .ready(let response):
            output = .queued(nil)
            return (response, true)
        case .handler, .running:
            output = .queued(nil)
            return (nil, true)
        case .waiting, .queued, .over: return (nil, false)
        }
    }
}

extension Response {
    var stream: ResponseStream? {
        if case .stream(let stream) = body { stream } else { nil }
    }
}
