internal import HTTPClient
internal import JSON

extension UpstreamError {
    /// What a status other than success means to the client (`gateway.md §8`).
    ///
    /// - Parameters:
    ///   - body: as much of the answer as came; its message is passed on only with the statuses the contract names.
    ///   - mask: knows what must not be seen.
    init(answer head: TransferHead, body: [UInt8], upstream: String, mask: CredentialMask) {
        let status = head.status
        switch status {
        case 401, 403:
            self.init(
                kind: .authentication, upstream: upstream, status: 502, code: "upstream_auth_failed",
                message:
                    "upstream \"\(upstream)\" refused the gateway's credential; the operator has to check its api_key")
        case 400, 404, 413, 422, 429:
            let provider = ProviderError(body, mask: mask)
            let message = provider.message ?? "upstream \"\(upstream)\" answered \(status)"
            self.init(
                kind: .refused, upstream: upstream, status: status, code: provider.code ?? Self.code(of: status),
                message: message)
            param = provider.param
        default:
            self.init(
                kind: status >= 500 || status == 408 ? .failed : .badAnswer, upstream: upstream, status: 502,
                code: status >= 500 || status == 408 ? "upstream_failed" : "upstream_bad_response",
                message: "upstream \"\(upstream)\" answered \(status)")
        }
        upstreamStatus = status
        mayBeRetried = status == 408 || status == 429 || status >= 500
        if status == 429 || status >= 500 { retryAfter = RetryAfter(head.fields) }
    }

    /// What an upstream says instead of an answer after it has answered 200: the `error` of a document or an event.
    ///
    /// Never asked again, as it took the request and may have worked on it; a fallback may do better.
    static func reported(_ document: JSONValue, upstream: String, mask: CredentialMask) -> UpstreamError {
        let provider = ProviderError(document, mask: mask)
        var error = UpstreamError(
            kind: .failed, upstream: upstream, status: 502, code: provider.code ?? "upstream_failed",
            message: provider.message ?? "upstream \"\(upstream)\" reported an error")
        error.param = provider.param
        error.upstreamStatus = 200
        return error
    }

    private static func code(of status: Int) -> String {
        switch status {
        case 404: "upstream_not_found"
        case 413: "upstream_request_too_large"
        case 429: "upstream_rate_limited"
        default: "upstream_rejected"
        }
    }
}

/// The members of a provider's error document, masked and bounded.
private struct ProviderError {
    var message: String?
    var code: String?
    var param: String?

    private static let maximumCharacters = 2000

    init(_ body: [UInt8], mask: CredentialMask) {
        // A body that is no JSON is none of ours to quote: a proxy's error page may hold anything.
        self.init((try? JSONValue(parsing: body)) ?? .null, mask: mask)
    }

    init(_ document: JSONValue, mask: CredentialMask) {
        // {"error": {"message": …}} with OpenAI and its kin, {"error": "…"}, {"message": "…"}, {"detail": "…"} or
        // FastAPI's {"detail": [{"loc": […], "msg": "…"}]} elsewhere.
        let error = document["error"] ?? document
        let text =
            error.stringValue ?? error["message"]?.stringValue ?? error["detail"]?.stringValue
            ?? Self.complaints(error["detail"])
        message = text.map { mask.masked(String($0.prefix(Self.maximumCharacters))) }
        // A code is a word: the log shows it, and may show nothing that could quote a prompt.
        code = error["code"]?.stringValue.flatMap { $0.utf8.allSatisfy(Self.isOfWord) ? $0 : nil }
            .map { mask.masked(String($0.prefix(100))) }
        param = error["param"]?.stringValue.map { mask.masked(String($0.prefix(200))) }
    }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: ":"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    /// The `msg` of every entry, each after where it is; what was sent (`input`) is not repeated.
    private static func complaints(_ detail: JSONValue?) -> String? {
        let complaints = detail?.arrayValue?.prefix(20).compactMap { entry -> String? in
            guard let text = entry["msg"]?.stringValue else { return entry.stringValue }
            let place = entry["loc"]?.arrayValue?.prefix(20)
                .compactMap { $0.stringValue ?? $0.numberValue?.text }.joined(separator: ".")
            return place.map { $0.isEmpty ? text : "\($0): \(text)" } ?? text
        }
        guard let complaints, !complaints.isEmpty else { return nil }
        return complaints.joined(separator: "; ")
    }
}
