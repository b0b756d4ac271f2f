import JSON
import Profiles
import Testing

@Suite struct ExtensionTests {
    private struct Refusal: Error, CustomStringConvertible { let description = "no good" }

    private func key(_ text: String) throws -> ExtensionKey { try ExtensionKey(validating: text) }

    @Test func `EX-7 a codec that fails names its key, one that succeeds decides what is stored`() throws {
        let failing = ProfileRules(
            extensions: try ExtensionCatalog([
                ExtensionDefinition(key: try key("webchat.starter_suggestions@v1")) { _ in throw Refusal() }
            ]))
        let error = try #require(throws: ValidationError.self) {
            try created(#"{"slug":"a","extensions":{"WebChat.Starter_Suggestions@V1":1}}"#, rules: failing)
        }
        #expect(error.field == "profile.extensions[webchat.starter_suggestions@v1]")
        #expect(error.reason == "decode failed: no good")
        let wrapping = ProfileRules(
            extensions: try ExtensionCatalog([ExtensionDefinition(key: try key("a.b@v1")) { ["wrapped": $0] }]))
        let profile = try created(#"{"slug":"a","extensions":{"a.b@v1":1,"c.d@v1":2}}"#, rules: wrapping)
        #expect(profile.extensions == ["a.b@v1": ["wrapped": 1], "c.d@v1": 2])
    }

    @Test func `EX-8 a codec is registered once, and they are listed by key`() throws {
        let definition = ExtensionDefinition(key: try key("b.b@v1")) { $0 }
        #expect(throws: ValidationError.self) { try ExtensionCatalog([definition, definition]) }
        let catalog = try ExtensionCatalog([definition, ExtensionDefinition(key: try key("a.a@v2")) { $0 }])
        #expect(catalog.all.map(\.key.rawValue) == ["a.a@v2", "b.b@v1"])
        #expect(catalog[try key("z.z@v1")] == nil)
        #expect(throws: ValidationError.self) { try key("a.a@v0") }
    }

    @Test(arguments: [
        (
            #"{"webchat.starter_suggestions@v1":{"items":["a",2]}}"#, "webchat.starter_suggestions@v1",
            "items[1]: must be a string, not a number"
        ),
        (
            #"{"webchat.starter_suggestions@v1":{}}"#, "webchat.starter_suggestions@v1",
            "missing required field \"items\""
        ),
        (
            #"{"middleware.agentmode_config@v1":{}}"#, "middleware.agentmode_config@v1",
            "missing required field \"instances\""
        ),
        (
            #"{"middleware.agentmode_config@v1":{"instances":{"id:x":1}}}"#, "middleware.agentmode_config@v1",
            "instances[id:x]: must be an object, not a number"
        ),
        (
            #"{"middleware.agentmode_config@v1":{"instances":{"id:x":{"default_mode":5}}}}"#,
            "middleware.agentmode_config@v1",
            "instances[id:x].default_mode: must be a string, not a number"
        ),
        (
            #"{"middleware.agentmode_config@v1":{"instances":{},"more":1}}"#, "middleware.agentmode_config@v1",
            "more: unknown field \"more\""
        ),
    ])
    func `D47 the advertised schema is the enforced one`(_ extensions: String, _ key: String, _ reason: String) throws {
        let error = try #require(throws: ValidationError.self) {
            try created("{\"slug\":\"a\",\"extensions\":\(extensions)}")
        }
        #expect(error.field == "profile.extensions[\(key)]")
        #expect(error.reason == "decode failed: \(reason)")
    }

    @Test func `EX-3 an unknown extension is kept verbatim`() throws {
        let text = #"{"x":[1.10,{"y":[null,"é"]}],"n":9007199254740993}"#
        let profile = try created(
            "{\"slug\":\"a\",\"extensions\":{\"v.c@v1\":\(text),\"middleware.sqlite_config@v1\":7}}")
        #expect(profile.extensions["v.c@v1"]?.text == text)
        #expect(profile.extensions["middleware.sqlite_config@v1"] == 7)
    }

    @Test func `AP-12 AP-13 AP-14 schemas are listed in order, and a registered one wins`() throws {
        let rules = ProfileRules()
        let middlewares = rules.middlewareSchemas()
        #expect(middlewares[0]?["name"] == "agentmode")
        #expect(middlewares[0]?["version"] == 1)
        #expect(middlewares[0]?["schema"]?["additionalProperties"] == false)
        let extensions = try #require(rules.extensionSchemas().arrayValue)
        #expect(
            extensions.map { $0["key"]?.stringValue } == [
                "middleware.agentmode_config@v1", "webchat.starter_suggestions@v1",
            ])
        #expect(
            extensions.first?["schema"]?["properties"]?["instances"]?["additionalProperties"]
                == middlewares[0]?["schema"])
        let explicit = ProfileRules(
            extensions: try ExtensionCatalog([
                ExtensionDefinition(key: try key("middleware.agentmode_config@v1"), schema: ["type": "object"]) { $0 },
                ExtensionDefinition(key: try key("hidden.codec@v1")) { $0 },
            ]))
        #expect(
            explicit.extensionSchemas().text
                == #"[{"key":"middleware.agentmode_config@v1","schema":{"type":"object"}}]"#)
    }
}
