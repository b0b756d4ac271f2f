// One request's life. Its decisions are those of `ExchangeState`, taken under the lock; here they are carried out.
//
// Calls from C come on three kinds of threads: `begin`, `received`, `ready` and `completed` on the connection's event
// loop, one after the other; `late` and `gone` on the watcher; `stopping` on the thread that stops. The handler's task
// calls `complete` from wherever it runs. C keeps the exchange alive from `begin` to `completed` and for each call;
// the task holds it for itself, so a handler that comes back late finds it in the state `over`.

internal import CHTTPServer
internal import Synchronization

final class Exchange: Sendable {
    let core: ServerCore
    let connection: ConnectionHandle
    /// Nil if the head was refused.
    let head: RequestHead?
    private let state: Mutex<ExchangeState>

    private init(
        _ core: ServerCore, _ connection: ConnectionHandle, _ head: RequestHead?, _ state: sending ExchangeState
    ) {
        self.core = core
        self.connection = connection
        self.head = head
        self.state = Mutex(state)
    }

    // MARK: the head

    /// An exchange for a head that is complete, and what C should do next.
    ///
    /// `bodyFollows`: a body is on its way whose end can be trusted to be where the head says.
    static func begin(
        _ core: ServerCore, _ connection: ConnectionHandle, _ head: Result<RequestHead, ServerFailure>,
        bodyFollows: Bool
    ) -> (Exchange, chs_next) {
        switch head {
        case .failure(let failure):
            let response = core.responder.failure(failure, head: nil)
            return refused(core, connection, nil, response, hasBody: true, bodyFollows: bodyFollows)
        case .success(let head):
            return begin(core, connection, head, core.responder.admit(head))
        }
    }

    private static func begin(
        _ core: ServerCore, _ connection: ConnectionHandle, _ head: RequestHead, _ admission: Admission
    ) -> (Exchange, chs_next) {
        switch admission {
        case .reject(let response):
            return reject(core, connection, head, response)
        case .accept(let policy, let handler):
            guard head.hasBody else {
                return (Exchange(core, connection, head, ExchangeState(output: .handler(handler))), .receive)
            }
            switch policy {
            case .collect(let limit), .stream(let limit):
                if let length = head.contentLength, length > limit {
                    let failure = core.responder.failure(.bodyTooLarge(limit: limit), head: head)
                    return reject(core, connection, head, failure)
                }
            }
            switch policy {
            case .collect(let limit):
                var body: [UInt8] = []
                body.reserveCapacity(min(head.contentLength ?? 0, 1 << 20))
                let state = ExchangeState(input: .collecting(body, limit: limit), output: .handler(handler))
                return (Exchange(core, connection, head, state), .receive)
            case .stream(let limit):
                let stream = BodyStream(connection: connection)
                let state = ExchangeState(input: .streaming(stream, left: limit, limit: limit), output: .running)
                let exchange = Exchange(core, connection, head, state)
                exchange.run(handler, Request(head: head, bodyStream: stream))
                return (exchange, .receive)
            }
        }
    }

    private static func reject(
        _ core: ServerCore, _ connection: ConnectionHandle, _ head: RequestHead, _ response: Response
    ) -> (Exchange, chs_next) {
        refused(
            core, connection, head, response, hasBody: head.hasBody,
            bodyFollows: head.hasBody && !head.expectsContinue)
    }

    /// A body that is on its way is drained first; a client that waits for 100 Continue is answered at once.
    private static func refused(
        _ core: ServerCore, _ connection: ConnectionHandle, _ head: RequestHead?, _ response: Response, hasBody: Bool,
        bodyFollows: Bool
    ) -> (Exchange, chs_next) {
        var state = ExchangeState(output: .ready(response))
        guard bodyFollows else {
            return (Exchange(core, connection, head, state), hasBody ? .answer : .receive)
        }
        state.input = .draining(left: core.configuration.drainLimit)
        connection.setDeadline(core.configuration.drainTimeout)
        return (Exchange(core, connection, head, state), .receive)
    }

    // MARK: the body

    func received(_ bytes: UnsafeRawBufferPointer) {
        switch state.withLock({ $0.received(bytes) }) {
        case .nothing: return
        case .feed(let stream): stream.feed(bytes)
        case .tooLarge(let limit):
            refuse(core.responder.failure(.bodyTooLarge(limit: limit), head: head), .tooLarge)
        case .lastWords(let response):
            connection.sendLastWords(response.serialised())
            response.stream?.clientLeft()
        }
    }

    /// Ends the request with this answer although its body is not complete, unless an answer is decided.
    private func refuse(_ response: Response, _ error: BodyError) {
        let configuration = core.configuration
        let (stream, task) = state.withLock { state in
            let (isMine, stream) = state.refuse(response, drain: configuration.drainLimit)
            // Under the lock, because the connection is alive only until `completed` has had it.
            if isMine { connection.setDeadline(configuration.drainTimeout) }
            return (stream, state.task)
        }
        stream?.fail(error)
        task?.cancel()
    }

    // MARK: the handler

    /// The request is complete, or the connection was resumed. False: cut the connection.
    func ready() -> Bool {
        let (stream, step) = state.withLock { ($0.bodyEnded(), $0.ready()) }
        stream?.finish()
        switch step {
        case .cut: return false
        case .answer(let response): return answer(response)
        case .wait: return settle()
        case .start(let handler, let body):
            guard let head else { return false }
            run(handler, Request(head: head, body: body))
            return settle()
        }
    }

    /// Starts the handler on this thread; when it first awaits, it goes on elsewhere.
    private func run(_ handler: @escaping ExchangeState.Handler, _ request: Request) {
        let task = Task.immediate { [self] in
            complete(await handler(request))
        }
        let isUnwanted = state.withLock { state in
            // It is through, or the server stops and has answered for it.
            guard case .running = state.output else { return true }
            state.task = task
            return state.clientIsGone
        }
        if isUnwanted { task.cancel() }
    }

    /// Answers if the handler has finished already, otherwise suspends the connection until it has.
    private func settle() -> Bool {
        enum Step { case answer(Response), suspended, refused(Task<Void, Never>?) }
        let step: Step = state.withLock { state in
            if case .answer(let response) = state.ready() { return .answer(response) }
            guard connection.suspend() else {
                state.output = .queued(nil)
                return .refused(state.task)
            }
            state.output = .waiting
            return .suspended
        }
        switch step {
        case .answer(let response): return answer(response)
        case .suspended: return true
        case .refused(let task):
            task?.cancel()
            return answer(core.responder.failure(.stopping, head: head))
        }
    }

    private func complete(_ response: Response) {
        let configuration = core.configuration
        let step = state.withLock { state in
            let step = state.completed(response, drain: configuration.drainLimit)
            if case .drain = step { connection.setDeadline(configuration.drainTimeout) }
            return step
        }
        switch step {
        case .nothing: return
        case .resume: connection.resume()
        case .drain(let stream): stream.discard()
        case .discard: response.stream?.clientLeft()
        }
    }

    // MARK: the end

    /// The deadline of the body has passed; the connection is closed after this.
    func late() {
        let (response, isMine, stream, task) = state.withLock { state in
            let (response, isMine) = state.late()
            var stream: BodyStream?
            if case .streaming(let body, _, _) = state.input { stream = body }
            return (response, isMine, stream, state.task)
        }
        guard isMine else { return }
        stream?.fail(.timeout)
        task?.cancel()
        let answer = response ?? core.responder.failure(.bodyTimeout, head: head)
        connection.sendLastWords(answer.serialised())
        answer.stream?.clientLeft()
    }

    /// The client has closed its side while the connection is suspended.
    func gone() {
        let (task, input, output) = state.withLock { state in
            state.clientIsGone = true
            return (state.task, state.input, state.output)
        }
        task?.cancel()
        if case .streaming(let stream, _, _) = input { stream.fail(.incomplete) }
        if case .queued(let stream?) = output { stream.clientLeft() }
    }

    /// The server stops and the grace is over.
    func stopping() {
        let configuration = core.configuration
        let response = core.responder.failure(.stopping, head: head)
        var body: BodyStream?
        var stream: ResponseStream?
        // Decided before the handler is told, or it would answer for itself that it was cancelled.
        let (isSuspended, task) = state.withLock { state in
            switch state.output {
            case .handler, .running:
                body = state.refuse(response, drain: configuration.drainLimit).stream
                connection.setDeadline(configuration.drainTimeout)
            case .waiting:
                _ = state.completed(response, drain: 0)
                return (true, state.task)
            case .queued(let queued): stream = queued
            case .ready, .over: break
            }
            return (false, state.task)
        }
        body?.fail(.incomplete)
        task?.cancel()
        stream?.shutDown()
        if isSuspended { connection.resume() }
    }

    /// The request is over; the connection must not be touched any more.
    func completed(sent: Bool) {
        let (input, output, task) = state.withLock { state in
            defer {
                state.input = .none
                state.output = .over
                state.task = nil
            }
            return (state.input, state.output, state.task)
        }
        if case .streaming(let stream, _, _) = input { stream.fail(.incomplete) }
        switch output {
        case .running, .waiting: task?.cancel()
        case .ready(let response): response.stream?.clientLeft()
        case .queued(let stream): stream?.end(sent: sent)
        case .handler, .over: break
        }
    }
}
