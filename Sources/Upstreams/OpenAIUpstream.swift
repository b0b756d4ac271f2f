package import HTTPClient
internal import JSON

/// Any server that speaks OpenAI's chat completions. Bodies go up and answers come down as they are.
package final class OpenAIUpstream: Upstream {
    package struct Configuration: Sendable {
        package var name: String
        /// Without a trailing slash; `/chat/completions` is appended.
        package var baseURL: String
        package var credential: Credential?
        /// Further headers for every request; their values are masked in what comes back.
        package var headers: [(name: String, value: String)]
        package var timeouts: TransferTimeouts
        package var maximumResponseBytes: Int

        package init(
            name: String, baseURL: String, credential: Credential? = nil,
            headers: [(name: String, value: String)] = [], timeouts: TransferTimeouts = TransferTimeouts(),
            maximumResponseBytes: Int = UpstreamResponse.maximumBytes
        ) {
            self.name = name
            self.baseURL = baseURL
            self.credential = credential
            self.headers = headers
            self.timeouts = timeouts
            self.maximumResponseBytes = maximumResponseBytes
        }
    }

    package let name: String
    package let api = "openai"
    package var endpoint: String? { url }

    private let url: String
    private let transport: Transport
    private let timeouts: TransferTimeouts
    private let maximumResponseBytes: Int
    private let authorization: RequestHeaders
    private let collectedHeaders: RequestHeaders
    private let streamedHeaders: RequestHeaders
    private let configuredHeaderNames: Set<String>
    private let mask: CredentialMask

    /// Checks and builds once what every request needs.
    ///
    /// - Throws: `TransferError.Kind.badHeader` if a configured header or the credential cannot be sent.
    package init(_ configuration: Configuration, transport: Transport) throws(TransferError) {
        name = configuration.name
        url = configuration.baseURL + "/chat/completions"
        self.transport = transport
        timeouts = configuration.timeouts
        maximumResponseBytes = configuration.maximumResponseBytes
        var shared = try RequestHeaders(configuration.headers)
        try shared.append("Content-Type", "application/json")
        var collected = shared
        try collected.append("Accept", "application/json")
        var streamed = shared
        try streamed.append("Accept", "text/event-stream")
        collectedHeaders = collected
        streamedHeaders = streamed
        configuredHeaderNames = Set(configuration.headers.map { $0.name.lowercased() })
        authorization = try Self.authorization(configuration.credential)
        mask = CredentialMask(configuration.headers.map(\.value) + [configuration.credential?.value].compactMap { $0 })
    }

    @discardableResult
    package func send(
        _ request: UpstreamRequest,
        completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
    ) -> any UpstreamCall {
        let transfer: TransferRequest
        do throws(TransferError) {
            transfer = try self.transfer(request, collectedHeaders)
        } catch {
            completion(.failure(UpstreamError(error, upstream: name)))
            return FinishedCall()
        }
        let (name, mask) = (name, mask(for: request))
        return TransferCall(
            transport.send(transfer) { result in
                completion(Self.judge(result, upstream: name, mask: mask))
            })
    }

    @discardableResult
    package func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall {
        let transfer: TransferRequest
        do throws(TransferError) {
            transfer = try self.transfer(request, streamedHeaders)
        } catch {
            sink.ended(UpstreamError(error, upstream: name))
            return FinishedCall()
        }
        return TransferCall(
            transport.stream(transfer, to: OpenAIStream(sink: sink, upstream: name, mask: mask(for: request))))
    }

    private func transfer(
        _ request: UpstreamRequest, _ base: RequestHeaders
    ) throws(TransferError) -> TransferRequest {
        var headers = base
        if let credential = request.credential {
            headers.append(contentsOf: try Self.authorization(credential))
        } else {
            headers.append(contentsOf: authorization)
        }
        var names = configuredHeaderNames
        for field in request.profileHeaders where names.insert(field.name.lowercased()).inserted {
            try headers.append(field.name, field.value)
        }
        if !names.contains("user-agent") { headers.append(contentsOf: Self.userAgent) }
        for field in HeaderPolicy.goingUp(request.clientHeaders) where !names.contains(field.name.lowercased()) {
            // A client's header that is no line of HTTP is none we would pass on; the request does not fail for it.
            if let line = try? RequestHeaders([field]) { headers.append(contentsOf: line) }
        }
        return TransferRequest(
            method: "POST", url: url, headers: headers, body: request.body, timeouts: request.timeouts ?? timeouts,
            maximumResponseBytes: maximumResponseBytes, maximumFailureBytes: Self.maximumFailureBytes)
    }

    /// What is read of an answer that tells why there is none.
    static let maximumFailureBytes = 64 << 10

    private func mask(for request: UpstreamRequest) -> CredentialMask {
        guard let credential = request.credential else { return mask }
        return mask.hiding(credential.value)
    }

    private static let userAgent = (try? RequestHeaders([("User-Agent", "profile-gateway")])) ?? RequestHeaders()

    private static func authorization(_ credential: Credential?) throws(TransferError) -> RequestHeaders {
        guard let credential else { return RequestHeaders() }
        return try RequestHeaders([("Authorization", "Bearer \(credential.value)")])
    }

    /// Turns a transfer's end into an answer or the error our client sees.
    private static func judge(
        _ result: Result<TransferResponse, TransferError>, upstream: String, mask: CredentialMask
    ) -> Result<UpstreamResponse, UpstreamError> {
        switch result {
        case .failure(let error):
            return .failure(UpstreamError(error, upstream: upstream))
        case .success(let response):
            guard (200..<300).contains(response.status) else {
                return .failure(
                    UpstreamError(answer: response.head, body: response.body, upstream: upstream, mask: mask))
            }
            let document: JSONMembers
            do throws(JSONError) {
                document = try JSONMembers(
                    scanning: response.body, rules: .grammar, maximumDepth: maximumAnswerDepth)
            } catch {
                var failure = UpstreamError.badAnswer(
                    upstream, status: response.status, "answered with something that is no JSON object")
                failure.detail = "the answer is malformed at byte \(error.offset) of \(response.body.count)"
                return .failure(failure)
            }
            if let error = document["error"], error.kind != .null {
                let value = (try? document.value(at: error.valueRange)) ?? .null
                return .failure(.reported(["error": value], upstream: upstream, mask: mask))
            }
            return .success(
                UpstreamResponse(
                    head: UpstreamHead(response.head, upstream: upstream),
                    body: response.body.withUnsafeBytes { mask.masked($0) } ?? response.body))
        }
    }

    /// Schemas and tool arguments nest, but not like this.
    private static let maximumAnswerDepth = 512
}

extension UpstreamHead {
    init(_ head: TransferHead, upstream: String) {
        self.init(
            upstream: upstream, status: head.status,
            contentType: head.fields["content-type"] ?? "application/json",
            headers: HeaderPolicy.comingDown(head.fields), requestID: head.fields["x-request-id"])
    }
}

/// A call that is one transfer.
struct TransferCall: UpstreamCall {
    private let transfer: Transfer

    init(_ transfer: Transfer) {
        self.transfer = transfer
    }

    func resume() {
        transfer.resume()
    }

    func cancel() {
        transfer.cancel()
    }
}

/// A call that was over before it began.
struct FinishedCall: UpstreamCall {
    func resume() {}

    func cancel() {}
}
