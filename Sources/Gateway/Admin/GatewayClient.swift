package import JSON
internal import Profiles
internal import Upstreams

/// A command's way to the gateway: the running server that owns the data, or the data itself when none runs.
///
/// Both answer the same requests with the same endpoints, so a command need not know which it talks to
/// (`gateway.md §10`).
package struct GatewayClient: Sendable {
    /// The tenant of the command, or why there is none.
    private let chosenTenant: Result<TenantSlug, ClientFailure>
    private let carrier: any ClientCarrier

    init(tenant: Result<TenantSlug, ClientFailure>, carrier: any ClientCarrier) {
        chosenTenant = tenant
        self.carrier = carrier
    }

    /// - Throws: `ClientFailure` `usage` when the command names no tenant, and there is no default one or the running
    ///   server's is another.
    package var tenant: String {
        get throws(ClientFailure) { try chosenTenant.get().rawValue }
    }

    /// Sends, and returns the answer of a success.
    ///
    /// - Throws: `ClientFailure`: what the gateway refuses, or why it cannot be asked.
    package func send(_ request: ClientRequest) async throws(ClientFailure) -> ClientAnswer {
        try await send(request, target: try target(of: request))
    }

    /// All pages of a list, as one.
    package func list(_ request: ClientRequest) async throws(ClientFailure) -> [JSONValue] {
        var items: [JSONValue] = []
        var next: String? = try target(of: request)
        while let target = next {
            let answer = try await send(request, target: target)
            items += try answer.value().arrayValue ?? []
            next = answer.nextPage
        }
        return items
    }

    /// Sends, and gives the data of each event of the answer to `body` as it comes.
    package func events(
        _ request: ClientRequest, _ body: (String) async throws(ClientFailure) -> Void
    ) async throws(ClientFailure) {
        let answer = try await carrier.send(request, target: try target(of: request))
        guard answer.status == 200 else {
            throw ClientFailure(status: answer.status, body: try await Self.collect(answer.body))
        }
        var parser = EventStreamParser()
        try await Self.each(of: answer.body) { piece throws(ClientFailure) in
            for event in parser.feed(piece) { try await body(event.data) }
        }
    }

    /// Ends the connection, or closes the files.
    package func close() async { await carrier.close() }

    private func target(of request: ClientRequest) throws(ClientFailure) -> String {
        switch request.scope {
        case .operator: request.target(tenant: "")
        case .tenant: request.target(tenant: try tenant)
        }
    }

    private func send(_ request: ClientRequest, target: String) async throws(ClientFailure) -> ClientAnswer {
        let answer = try await carrier.send(request, target: target)
        let body = try await Self.collect(answer.body)
        guard (200...299).contains(answer.status) else { throw ClientFailure(status: answer.status, body: body) }
        return ClientAnswer(status: answer.status, fields: answer.fields, body: body)
    }

    private static func collect(_ body: AsyncThrowingStream<[UInt8], any Error>) async throws(ClientFailure) -> [UInt8]
    {
        var bytes: [UInt8] = []
        try await each(of: body) { bytes += $0 }
        return bytes
    }

    private static func each(
        of body: AsyncThrowingStream<[UInt8], any Error>, _ use: ([UInt8]) async throws(ClientFailure) -> Void
    ) async throws(ClientFailure) {
        do {
            for try await piece in body { try await use(piece) }
        } catch let failure as ClientFailure {
            throw failure
        } catch {
            throw ClientFailure(.failed, "the answer broke off: \(error)")
        }
    }
}
