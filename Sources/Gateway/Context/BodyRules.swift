internal import HTTPServer

/// What a request's body may be, decided from the head (`gateway.md §4`).
enum BodyRules {
    /// - Throws: `Problem` 415 for another content type, 413 for an announced size over the limit, 400 for a body where
    ///   none is read (silently dropping one could drop a precondition).
    static func policy(
        for endpoint: Endpoint, _ head: RequestHead, _ configuration: GatewayConfiguration
    ) throws(Problem) -> BodyPolicy {
        let limit: Int
        switch endpoint.bodyLimit {
        case .none:
            guard head.hasBody, head.contentLength != 0 else { return .collect(upTo: 0) }
            throw Problem.badRequest(
                "\(head.method.rawValue) takes no body here; use query parameters", code: "unexpected_body")
        case .profile: limit = configuration.maximumBodyBytes.profiles
        case .chat: limit = configuration.maximumBodyBytes.chat
        case .registries: limit = configuration.maximumBodyBytes.imports
        }
        guard head.hasBody, head.contentLength != 0 else { return .collect(upTo: 0) }
        if let length = head.contentLength, length > limit { throw tooLarge(limit: limit) }
        let type = mediaType(head.headers["Content-Type"] ?? "")
        var accepted = ["application/json"]
        if head.method == .patch { accepted.append("application/merge-patch+json") }
        if endpoint.bodyLimit == .registries { accepted.append("application/yaml") }
        guard accepted.contains(type) else {
            throw Problem(
                .unsupportedMediaType, code: "unsupported_media_type",
                "Content-Type must be \(accepted.joined(separator: " or "))"
                    + (type.isEmpty ? "; none was given" : ", not \(type.debugDescription)"),
                param: "Content-Type")
        }
        return .collect(upTo: limit)
    }

    /// The media type without parameters, lower-cased.
    static func mediaType(_ contentType: String) -> String {
        String(contentType.prefix { $0 != ";" }).trimmingBlanks.lowercased()
    }

    static func tooLarge(limit: Int) -> Problem {
        Problem(
            .contentTooLarge, code: "body_too_large", "the body is larger than the limit of \(limit) bytes")
    }
}
