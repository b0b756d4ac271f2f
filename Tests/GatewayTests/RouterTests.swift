import HTTPServer
import Testing

@testable import Gateway

struct RouterTests {
    private let router = Router([
        endpoint(.get, "/api/chat/profiles"), endpoint(.post, "/api/chat/profiles"),
        endpoint(.get, "/api/chat/profiles/{slug}"), endpoint(.delete, "/api/chat/profiles/{slug}"),
        endpoint(.post, "/api/chat/profiles/{slug}/default"),
        endpoint(.post, "/api/chat/{profile}"),
        endpoint(.get, "/v1/models/{id...}"),
    ])

    private static func endpoint(_ method: HTTPServer.Method, _ pattern: String) -> Endpoint {
        Endpoint(
            method: method, pattern: pattern, access: .open, bodyLimit: .none,
            handler: .task { _ in Response(status: .ok, headers: HeaderFields(), body: .empty) })
    }

    private func found(_ method: HTTPServer.Method, _ path: [String]) -> (String, PathParameters)? {
        guard case .found(let endpoint, let parameters) = router.match(method, path[...]) else { return nil }
        return (endpoint.pattern, parameters)
    }

    @Test func `an encoded slash may stand in the id of a model and nowhere else`() {
        #expect(Routes.takesEncodedSlash(after: ["v1", "models"]))
        #expect(Routes.takesEncodedSlash(after: ["t", "acme", "v1", "models"]))
        for segments in [
            [], ["v1"], ["v1", "models", "x"], ["t"], ["t", "acme"], ["t", "acme", "v1"],
            ["x", "acme", "v1", "models"],
            ["api", "chat", "profiles"], ["t", "acme", "api", "chat"], ["acme", "v1", "models"], ["chat"],
        ] {
            #expect(!Routes.takesEncodedSlash(after: segments), "\(segments)")
        }
    }

    @Test func `finds literals before parameters, and gives the parameters`() {
        #expect(found(.get, ["api", "chat", "profiles"])?.0 == "/api/chat/profiles")
        let agent = found(.get, ["api", "chat", "profiles", "agent"])
        #expect(agent?.0 == "/api/chat/profiles/{slug}")
        #expect(agent?.1["slug"] == "agent")
        #expect(found(.post, ["api", "chat", "anything"])?.1["profile"] == "anything")
    }

    @Test func `serves HEAD wherever GET is`() {
        #expect(found(.head, ["api", "chat", "profiles", "agent"])?.0 == "/api/chat/profiles/{slug}")
        #expect(found(.head, ["api", "chat", "profiles", "agent", "default"]) == nil)
    }

    @Test func `gives the rest of a path to a trailing parameter`() {
        #expect(found(.get, ["v1", "models", "default", "agent"])?.1["id"] == "default/agent")
        #expect(found(.get, ["v1", "models", "agent"])?.1["id"] == "agent")
        #expect(found(.get, ["v1", "models"]) == nil)
    }

    @Test func `names the allowed methods, HEAD included, for a known path`() {
        guard case .methodNotAllowed(let allowed) = router.match(.put, ["api", "chat", "profiles", "agent"]) else {
            Issue.record("expected methodNotAllowed")
            return
        }
        #expect(allowed == [.delete, .get, .head])
    }

    @Test(arguments: [[], ["api"], ["api", "chat", "profiles", "a", "b"], ["api", "chat", "profiles", ""], ["x"]])
    func `knows nothing elsewhere`(path: [String]) {
        guard case .notFound = router.match(.get, path[...]) else {
            Issue.record("expected notFound for \(path)")
            return
        }
    }
}
