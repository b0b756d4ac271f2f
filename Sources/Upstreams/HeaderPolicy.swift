internal import HTTPClient

/// Which headers cross the gateway, by allow-list both ways (`gateway.md §8`).
///
/// What is not named here does not pass: `Authorization`, `X-Api-Key`, `Cookie`, `X-Forwarded-*` do not go up;
/// `Set-Cookie`, `openai-organization` and the provider's rate-limit headers do not come down.
package enum HeaderPolicy {
    /// From the client to the upstream, lower case.
    package static let up: Set<String> = ["traceparent", "tracestate", "openai-beta"]

    /// From the upstream to the client, lower case; besides the content type, which the gateway sets.
    package static let down: Set<String> = ["openai-processing-ms", "openai-version"]

    static func goingUp(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        headers.filter { up.contains($0.name.lowercased()) }
    }

    static func comingDown(_ fields: ResponseFields) -> [(name: String, value: String)] {
        down.sorted().compactMap { name in fields[name].map { (name, $0) } }
    }
}
