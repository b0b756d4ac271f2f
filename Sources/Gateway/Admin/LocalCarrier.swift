internal import HTTPServer
internal import Tenants

/// Asks a gateway inside this process, which owns the data directory meanwhile: the same endpoints behind the same door.
struct LocalCarrier: ClientCarrier {
    private let composition: Composition
    private let logSettings: LogSettings

    /// Takes the data directory; throws as `Composition` does.
    init(_ configuration: GatewayConfiguration, _ logSettings: LogSettings) throws {
        composition = try Composition(configuration, log: logSettings.logger())
        self.logSettings = logSettings
    }

    func send(_ request: ClientRequest, target: String) async throws(ClientFailure) -> CarriedAnswer {
        let body = request.body ?? []
        let head = try head(of: request, target: target, length: body.count)
        let response: Response
        switch composition.gateway.admit(head) {
        case .reject(let refusal): response = refusal
        case .accept(.collect(let limit), _) where body.count > limit,
            .accept(.stream(let limit), _) where body.count > limit:
            response = composition.gateway.failure(.bodyTooLarge(limit: limit), head: head)
        case .accept(.collect, let handler):
            response = await handler(Request(head: head, body: body))
        case .accept(.stream, let handler):
            response = await handler(Request(head: head, bodyStream: BodyStream(body)))
        }
        var fields: [String: String] = [:]
        for (name, value) in response.headers.pairs { fields[name.lowercased()] = value }
        return CarriedAnswer(status: Int(response.status.code), fields: fields, body: Self.pieces(of: response.body))
    }

    func close() async {
        await composition.close()
        logSettings.output.flush()
    }

    private func head(
        of request: ClientRequest, target: String, length: Int
    ) throws(ClientFailure) -> RequestHead {
        guard let method = HTTPServer.Method(rawValue: request.method.rawValue),
            let target = try? RequestTarget(target)
        else { throw ClientFailure(.usage, "\(target.debugDescription) cannot be asked for") }
        var headers: HeaderFields = ["Host": "localhost"]
        if let token = composition.owner.token { headers.append("Authorization", "Bearer \(token)") }
        if request.body != nil { headers.append("Content-Type", request.contentType) }
        for (name, value) in request.headers { headers.append(name, value) }
        return RequestHead(
            method: method, target: target, headers: headers, remoteAddress: .unix,
            contentLength: request.body == nil ? nil : length)
    }

    static func pieces(of body: Response.Body) -> AsyncThrowingStream<[UInt8], any Error> {
        if case .stream(let stream) = body {
            let reader = StreamReader(stream)
            return AsyncThrowingStream { try await reader.next() }
        }
        return AsyncThrowingStream { continuation in
            if case .bytes(let bytes) = body { continuation.yield(bytes) }
            continuation.finish()
        }
    }
}

/// Reads a streamed answer as it is asked for it, and ends it when nobody will ask any more.
private final class StreamReader: Sendable {
    private let stream: ResponseStream

    init(_ stream: ResponseStream) {
        self.stream = stream
    }

    deinit { stream.abort() }

    func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            do throws(ResponseStream.Cut) { return try await stream.next() } catch {
                throw ClientFailure(.failed, "the answer broke off")
            }
        } onCancel: {
            stream.abort()
        }
    }
}
