import HTTPServer
import Testing

@testable import Gateway

struct DoorTests {
    private static let loopback = SocketAddress.ipv4(0x7F00_0001, port: 4711)
    private static let elsewhere = SocketAddress.ipv4(0x0A00_0001, port: 4711)
    private static let key = "the-operators-key"
    private static let token = "the-token-of-the-lock-file"

    private static func door(key: String? = nil, token: String? = DoorTests.token) -> Door {
        Door(operatorKey: key.map { Secret($0) }, localToken: token.map { Secret($0) }, trustedProxies: [])
    }

    private static func head(
        bearing credential: String? = nil, from peer: SocketAddress = DoorTests.loopback,
        _ more: [(String, String)] = []
    ) throws -> RequestHead {
        var headers = HeaderFields()
        headers.append("Host", "localhost")
        if let credential { headers.append("Authorization", "Bearer \(credential)") }
        for (name, value) in more { headers.set(name, value) }
        return RequestHead(
            method: .get, target: try RequestTarget("/admin/tenants"), headers: headers, remoteAddress: peer)
    }

    /// The code of the refusal, or nil when the door opens.
    private static func refusal(_ door: Door, _ head: RequestHead, toOperators: Bool = true) -> String? {
        let client = EffectiveClient(head, trustedProxies: door.trustedProxies)
        do throws(Problem) {
            _ =
                toOperators
                ? try door.admitOperator(head, client: client)
                : try door.admit(head, client: client, isTenantExplicit: true)
            return nil
        } catch {
            return "\(error.status.code) \(error.code)"
        }
    }

    @Test(arguments: [
        "localhost", "localhost:8080", "LOCALHOST", "a.localhost:1", "127.0.0.1", "127.9.8.7:80", "[::1]", "[::1]:8080",
        "localhost.",
    ])
    func `knows the names of loopback`(host: String) {
        #expect(Door.isLoopbackName(host))
    }

    @Test(arguments: [
        "example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "[::2]", "", "0.0.0.0",
    ])
    func `takes no other name for loopback`(host: String) {
        #expect(!Door.isLoopbackName(host))
    }

    @Test func `opens the operator's endpoints to the operator key and to this machine's token`() throws {
        for credential in [Self.key, Self.token] {
            let head = try Self.head(bearing: credential)
            let client = EffectiveClient(head, trustedProxies: [])
            let principal = try Self.door(key: Self.key).admitOperator(head, client: client)
            #expect(principal.role == .admin)
            #expect(principal.actor == "operator")
            #expect(principal.source == (credential == Self.token ? "cli" : "http-api"))
        }
    }

    @Test func `opens them to nobody else, and tells apart no key and a wrong one`() throws {
        let door = Self.door(key: Self.key)
        #expect(Self.refusal(door, try Self.head()) == "401 missing_api_key")
        #expect(Self.refusal(door, try Self.head(bearing: "wrong")) == "401 invalid_api_key")
        #expect(Self.refusal(door, try Self.head(bearing: Self.token + "x")) == "401 invalid_api_key")
    }

    @Test func `opens tenants but not the operator's endpoints where there is no key`() throws {
        let door = Self.door()
        #expect(Self.refusal(door, try Self.head(), toOperators: false) == nil)
        #expect(Self.refusal(door, try Self.head(bearing: "anything"), toOperators: false) == nil)
        #expect(Self.refusal(door, try Self.head()) == "401 missing_api_key")
        #expect(Self.refusal(door, try Self.head(bearing: "anything")) == "401 invalid_api_key")
        #expect(Self.refusal(door, try Self.head(bearing: Self.token)) == nil)
        #expect(Self.refusal(door, try Self.head(bearing: Self.token, from: .unix)) == nil)
    }

    @Test(arguments: [nil, DoorTests.key])
    func `takes the token from this machine only, and through nobody's hands`(key: String?) throws {
        let door = Self.door(key: key)
        for isOperators in [true, false] {
            for head in [
                try Self.head(bearing: Self.token, from: Self.elsewhere),
                try Self.head(bearing: Self.token, [("X-Forwarded-For", "127.0.0.1")]),
                try Self.head(bearing: Self.token, [("Via", "1.1 somebody")]),
            ] {
                #expect(Self.refusal(door, head, toOperators: isOperators) == "403 local_token_refused")
            }
        }
    }

    @Test func `lets the token skip none of the rules of the keyless mode`() throws {
        let door = Self.door()
        #expect(
            Self.refusal(door, try Self.head(bearing: Self.token, [("Host", "evil.example")])) == "403 foreign_host")
        #expect(
            Self.refusal(door, try Self.head(bearing: Self.token, [("Origin", "http://evil.example")]))
                == "403 foreign_origin")
    }

    @Test func `never opens to an empty credential`() throws {
        let door = Self.door(key: Self.key, token: "")
        #expect(Self.refusal(door, try Self.head([("X-Api-Key", "")])) == "401 invalid_api_key")
        #expect(Self.refusal(door, try Self.head([("Authorization", "Bearer")])) == "401 missing_api_key")
    }
}
