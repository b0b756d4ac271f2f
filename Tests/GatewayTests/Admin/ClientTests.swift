import HTTPServer
import JSON
import Testing

@testable import Gateway

struct ClientTests {
    @Test func `escapes every segment and value of a target`() {
        let request = ClientRequest(
            .get, ["api", "chat", "profiles", "a/b ?é"], query: [("registry", "x&y"), ("tag", nil), ("q", "")])
        #expect(request.target(tenant: "acme") == "/t/acme/api/chat/profiles/a%2Fb%20%3F%C3%A9?registry=x%26y&q=")
        #expect(ClientRequest.admin(.get, ["tenants", "a"]).target(tenant: "x") == "/admin/tenants/a")
    }

    @Test func `finds the next page of a list`() {
        func next(_ link: String?) -> String? {
            ClientAnswer(status: 200, fields: link.map { ["link": $0] } ?? [:], body: []).nextPage
        }
        #expect(next("</t/a/x?after=b&limit=2>; rel=\"next\"") == "/t/a/x?after=b&limit=2")
        #expect(next("</x>; rel=\"prev\"") == nil)
        #expect(next(nil) == nil)
    }

    @Test(arguments: [
        (404, ClientFailure.Kind.notFound), (409, .conflict), (412, .conflict), (428, .conflict), (400, .failed),
        (403, .failed), (503, .failed),
    ])
    func `says by its kind what the exit status is to say`(status: Int, kind: ClientFailure.Kind) {
        let failure = ClientFailure(status: status, body: Array(#"{"error":{"message":"m","code":"c"}}"#.utf8))
        #expect(failure.kind == kind)
        #expect(failure.message == "m")
        #expect(failure.code == "c")
        #expect(ClientFailure(status: status, body: Array("<html>".utf8)).message.contains("\(status)"))
    }

    @Test func `names the way to a server that this machine's token is taken on`() throws {
        func best(_ addresses: String...) throws -> String? {
            let bound = try addresses.map { try #require(ListenAddress(parsing: $0)) }
            return LocalURL(bestOf: bound)?.description
        }
        #expect(try best("10.0.0.1:80", "127.0.0.1:81") == "http://127.0.0.1:81")
        #expect(try best("127.0.0.1:81", "unix:/run/x.sock") == "unix:/run/x.sock")
        #expect(try best("10.0.0.1:80", ":82") == "http://127.0.0.1:82")
        #expect(try best("0.0.0.0:83") == "http://127.0.0.1:83")
        #expect(try best("[::]:84") == "http://[::1]:84")
        #expect(try best("[::1]:85") == "http://[::1]:85")
        #expect(try best("10.0.0.1:80") == "http://10.0.0.1:80")
        // A reader of the lock file may stand elsewhere.
        #expect(try #require(try best("unix:x.sock")).hasPrefix("unix:/"))
        #expect(LocalURL(bestOf: []) == nil)
    }

    @Test(arguments: ["http://127.0.0.1:81", "http://[::1]:85", "unix:/run/x.sock"])
    func `reads the way back as it was written`(text: String) throws {
        #expect(try #require(LocalURL(parsing: text)).description == text)
    }

    @Test(arguments: ["", "unix:", "unix:relative", "http://", "https://x", "ftp://x"])
    func `reads nothing else as a way`(text: String) {
        #expect(LocalURL(parsing: text) == nil)
    }
}

struct OverrideRefusalTests {
    private func refusal(
        _ param: String, overrides: JSONObject, policy: [(String, JSONValue, [(String, JSONValue)])]
    ) -> OverrideRefusal? {
        let trace = JSONValue.array(
            policy.map { path, value, steps in
                [
                    "path": .string("/policy/" + path), "value": value,
                    "steps": .array(steps.map { ["layer": .string($0.0), "value": $0.1] }),
                ]
            })
        return OverrideRefusal(
            problem: ["code": "policy_violation", "param": .string(param)], overrides: overrides, trace: trace)
    }

    private let open: (String, JSONValue, [(String, JSONValue)]) = ("allow_overrides", true, [("a/b@1", true)])

    @Test func `names the layer that says the narrowest bound`() {
        let found = refusal(
            "request_overrides.step_settings_patch.ai-chat.ai-temperature",
            overrides: ["stepSettingsPatch": ["ai-chat": ["ai-temperature": 2]]],
            policy: [
                open,
                ("limits/ai-chat.ai-temperature", ["max": 1], [("a/b@1", ["max": 3]), ("c/d@2", ["max": 1])]),
            ])
        #expect(found?.refused == "ai-chat.ai-temperature = 2")
        #expect(found?.rule == "max 1")
        #expect(found?.layers == ["c/d@2"])
    }

    @Test func `finds a bound that stands under the setting's other name`() {
        let found = refusal(
            "request_overrides.step_settings_patch.ai-chat.ai-temperature",
            overrides: ["step_settings_patch": ["ai-chat": ["ai-temperature": 2]]],
            policy: [
                open, ("limits/ai-inference.inference-temperature", ["max": 1], [("a/b@1", ["max": 1])]),
            ])
        #expect(found?.rule == "ai-inference.inference-temperature: max 1")
        #expect(found?.layers == ["a/b@1"])
    }

    @Test func `names who denies a key, who does not allow it, and who allows nothing`() {
        let overrides: JSONObject = ["tools": []]
        let denied = refusal(
            "request_overrides.tools", overrides: overrides,
            policy: [open, ("denied_override_keys", ["tools"], [("a/b@1", ["Tools"]), ("c/d@1", ["middlewares"])])])
        #expect(denied?.rule == "denied_override_keys has tools")
        #expect(denied?.layers == ["a/b@1"])
        #expect(denied?.refused == "tools = []")
        let notAllowed = refusal(
            "request_overrides.tools", overrides: overrides,
            policy: [open, ("allowed_override_keys", [], [("a/b@1", ["tools"]), ("c/d@1", [])])])
        #expect(notAllowed?.layers == ["c/d@1"])
        let closed = refusal(
            "request_overrides.tools", overrides: overrides,
            policy: [("allow_overrides", false, [("a/b@1", true), ("c/d@1", false)])])
        #expect(closed?.layers == ["c/d@1"])
        #expect(refusal("request_overrides.tools", overrides: overrides, policy: [])?.layers == [])
    }

    @Test func `says of what can never be overridden that it is nobody's word`() {
        let found = refusal(
            "request_overrides.step_settings_patch.gateway.upstream",
            overrides: ["step_settings_patch": ["gateway": ["upstream": "x"]]], policy: [open])
        #expect(found?.rule == "can never be overridden by a request")
        #expect(found?.layers == [])
    }

    @Test func `is silent about other refusals`() {
        #expect(OverrideRefusal(problem: ["code": "policy_violation"], overrides: [:], trace: []) == nil)
        #expect(
            OverrideRefusal(
                problem: ["code": "invalid_field", "param": "request_overrides.tools"], overrides: [:], trace: [])
                == nil)
    }
}

struct ThreeWayMergeTests {
    private let base: JSONValue = ["a": 1, "b": ["x": 1, "y": 2], "list": [1, 2]]

    @Test func `takes what either side changed`() {
        let merge = ThreeWayMerge(
            base: base, mine: ["a": 2, "b": ["x": 1, "y": 2], "list": [1, 2], "new": "m"],
            theirs: ["a": 1, "b": ["x": 9, "y": 2, "z": 3], "list": []])
        #expect(merge.document == ["a": 2, "b": ["x": 9, "y": 2, "z": 3], "list": [], "new": "m"])
        #expect(merge.overlaps == [])
    }

    @Test func `lets mine stand where both changed the same, and says where`() {
        let merge = ThreeWayMerge(
            base: base, mine: ["a": 1, "b": ["x": 7, "y": 2], "list": [1]],
            theirs: ["a": 1, "b": ["x": 8, "y": 3], "list": [2]])
        #expect(merge.document == ["a": 1, "b": ["x": 7, "y": 3], "list": [1]])
        #expect(merge.overlaps == ["/b/x", "/list"])
    }

    @Test func `removes what one side removed, and keeps what the other changed meanwhile`() {
        let removed = ThreeWayMerge(base: base, mine: ["a": 1, "list": [1, 2]], theirs: base)
        #expect(removed.document == ["a": 1, "list": [1, 2]])
        let theirs = ThreeWayMerge(base: base, mine: base, theirs: ["a": 1])
        #expect(theirs.document == ["a": 1])
        let both = ThreeWayMerge(base: base, mine: ["a": 5, "list": [1, 2]], theirs: ["b": ["x": 1, "y": 3]])
        #expect(both.document == ["a": 5])
        #expect(both.overlaps == ["/b", "/a"])
    }

    @Test func `agrees where both made the same change`() {
        let merge = ThreeWayMerge(base: base, mine: ["a": 3], theirs: ["a": 3])
        #expect(merge.document == ["a": 3])
        #expect(merge.overlaps == [])
    }
}
