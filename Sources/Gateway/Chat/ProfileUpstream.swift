internal import HTTPClient
internal import Upstreams

/// An upstream as a profile asks it: with the profile's credential, if it names one, and with the upstream's own timeouts
/// as the profile's settings change them.
struct ProfileUpstream: Upstream {
    let base: any Upstream
    let credential: Credential?
    let timeouts: TransferTimeouts

    var name: String { base.name }
    var api: String { base.api }
    var endpoint: String? { base.endpoint }

    func send(
        _ request: UpstreamRequest,
        completion: @escaping @Sendable (Result<UpstreamResponse, UpstreamError>) -> Void
    ) -> any UpstreamCall {
        base.send(own(request), completion: completion)
    }

    func stream(_ request: UpstreamRequest, to sink: any UpstreamSink) -> any UpstreamCall {
        base.stream(own(request), to: sink)
    }

    private func own(_ request: UpstreamRequest) -> UpstreamRequest {
        var request = request
        request.credential = credential
        request.timeouts = timeouts
        return request
    }
}
