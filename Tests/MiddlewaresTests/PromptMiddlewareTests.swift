import JSON
import Middlewares
import Profiles
import Testing

@Suite struct PromptMiddlewareTests {
    private let modes = [
        AgentMode(name: "chat", prompt: "Just talk."), AgentMode(name: "analyst", prompt: "Count first."),
        AgentMode(name: "silent", prompt: ""),
    ]

    private func prompt(
        after uses: (String, String)..., modes: [AgentMode] = [], from prompt: String?
    ) throws -> String? {
        var request = draft(["role": "system", "content": "client"], user("hi"), prompt: prompt)
        for use in uses {
            var run = try chain(use, modes: modes).begin()
            try run.onRequest(&request)
        }
        #expect(request.messages == [["role": "system", "content": "client"], user("hi")])
        return request.systemPrompt
    }

    @Test(arguments: [
        (#"{"default_mode":"analyst"}"#, "Base.\n\nCount first."), ("{}", "Base.\n\nJust talk."),
        (#"{"default_mode":"unknown"}"#, "Base."), (#"{"default_mode":"Analyst"}"#, "Base."),
        (#"{"default_mode":"silent"}"#, "Base."),
    ])
    func `agentmode adds the prompt of a known mode, and nothing for an unknown one`(
        config: String, expected: String
    ) throws {
        #expect(try prompt(after: ("agentmode", config), modes: modes, from: "Base.") == expected)
    }

    @Test func `without modes agentmode changes nothing, whatever its configuration says`() throws {
        #expect(try prompt(after: ("agentmode", "{}"), from: nil) == nil)
        #expect(try prompt(after: ("agentmode", #"{"default_mode":"chat"}"#), from: "Base.") == "Base.")
    }

    @Test func `the advertised default mode is one there is (D50)`() throws {
        let schema = try BuiltInMiddlewares(agentModes: modes).catalog["agentmode"]?.configSchema
        #expect(schema?.document["properties"]?["default_mode"]?["default"] == "chat")
        #expect(schema?.applyingDefaults(to: [:]) == ["default_mode": "chat"])
        let withoutModes = try BuiltInMiddlewares().catalog["agentmode"]?.configSchema
        #expect(withoutModes?.applyingDefaults(to: [:]) == [:])
    }

    @Test func `a mode that is blank or defined twice is refused at start-up`() {
        #expect(throws: ValidationError(field: "agent_modes[1].name", reason: "mode \"a\" is defined twice")) {
            try BuiltInMiddlewares(agentModes: [AgentMode(name: "a", prompt: "x"), AgentMode(name: "a", prompt: "y")])
        }
        #expect(throws: ValidationError(field: "agent_modes[0].name", reason: "must not be empty")) {
            try BuiltInMiddlewares(agentModes: [AgentMode(name: " \t", prompt: "x")])
        }
    }

    @Test(arguments: [
        (#"{"text":"Be brief."}"#, "Base." as String?, "Base.\n\nBe brief."),
        (#"{"text":"Be brief.","position":"before"}"#, "Base.", "Be brief.\n\nBase."),
        (#"{"text":"Be brief.","separator":" "}"#, "Base.", "Base. Be brief."),
        (#"{"text":"Be brief.","separator":""}"#, "Base.", "Base.Be brief."),
        (#"{"text":"Be brief.","position":"before"}"#, nil, "Be brief."), (#"{"text":"Be brief."}"#, "", "Be brief."),
    ])
    func `prompt-append adds its text on its side of the prompt`(
        config: String, base: String?, expected: String
    ) throws {
        #expect(try prompt(after: ("prompt-append", config), from: base) == expected)
    }

    @Test func `middlewares run in the order of the list`() throws {
        let added = try prompt(
            after: ("prompt-append", #"{"text":"1"}"#), ("agentmode", "{}"), ("prompt-append", #"{"text":"2"}"#),
            modes: modes, from: "0")
        #expect(added == "0\n\n1\n\nJust talk.\n\n2")
        var run = try chain(("redact", "{}"), ("prompt-append", #"{"text":"ask help@x.org"}"#)).begin()
        var request = draft(user("me@x.org"), prompt: "boss@x.org")
        try run.onRequest(&request)
        #expect(request.systemPrompt == "[EMAIL_1]\n\nask help@x.org" && request.text() == "[EMAIL_2]")
    }

    @Test(arguments: [
        ("agentmode", #"{"unknown":"x"}"#, #"unknown: is not allowed; allowed are "default_mode""#),
        ("agentmode", #"{"default_mode":1}"#, "default_mode: must be a string, not a number"),
        ("prompt-append", "{}", #"missing required field "text""#),
        ("prompt-append", #"{"text":""}"#, "text: must have at least 1 characters, not 0"),
        ("prompt-append", #"{"text":"x","position":"middle"}"#, #"position: must be one of "before", "after""#),
        ("input-limit", "{}", "must have at least 1 fields, not 0"),
        ("input-limit", #"{"max_messages":-5}"#, "max_messages: must be at least 1, not -5"),
        ("input-limit", #"{"max_messages":"7"}"#, "max_messages: must be an integer, not a string"),
        ("require-json", #"{"retries":2}"#, "retries: must be at most 1, not 2"),
        ("require-json", #"{"schema":"x"}"#, "schema: must be a boolean or an object, not a string"),
        ("require-json", #"{"schema":{"type":"strin"}}"#, #"schema.type: "strin" is not a type"#),
        (
            "require-json", #"{"schema":{"properties":{"a":{"format":"date"}}}}"#,
            #"schema.properties.a: keyword "format""#
        ),
        ("require-json", #"{"schema":{"pattern":"("}}"#, #"schema.pattern: regular expression "(": missing )"#),
    ])
    func `what the schema says is enforced on write, without coercion (D47, MX-5)`(
        name: String, config: String, reason: String
    ) throws {
        let rules = ProfileRules(middlewares: try BuiltInMiddlewares(agentModes: modes).catalog)
        let profile = Profile(
            slug: try ProfileSlug(validating: "p"),
            runtime: RuntimeSpec(
                middlewares: .set([MiddlewareUse(name: name, config: try JSONValue(parsing: config))])))
        let error = try #require(throws: ValidationError.self) { try rules.admit(profile, replacing: nil) }
        #expect(error.field == "runtime.middlewares[0].config")
        #expect(error.reason.hasPrefix(reason))
    }

    @Test func `defaults are not written into what is stored (D50)`() throws {
        let rules = ProfileRules(middlewares: try BuiltInMiddlewares(agentModes: modes).catalog)
        let uses = [
            MiddlewareUse(name: "agentmode", id: "a", config: [:]),
            MiddlewareUse(name: "prompt-append", id: "b", config: ["text": "x"]),
        ]
        let profile = Profile(
            slug: try ProfileSlug(validating: "p"), runtime: RuntimeSpec(middlewares: .set(uses)))
        let admitted = try rules.admit(profile, replacing: nil)
        #expect(admitted.extensions == ["middleware.prompt-append_config@v1": ["instances": ["id:b": ["text": "x"]]]])
    }

    @Test func `unknown middlewares and wrong configurations are named, disabled ones are left alone`() throws {
        let builtIn = try BuiltInMiddlewares()
        let wrong = [EffectiveMiddleware(name: "agentmode"), EffectiveMiddleware(name: "nope")]
        #expect(throws: ValidationError(field: "runtime.middlewares[1].name", reason: "unknown middleware \"nope\"")) {
            try MiddlewareChain(wrong, from: builtIn)
        }
        let disabled = EffectiveMiddleware(name: "nope", isEnabled: false)
        #expect(try MiddlewareChain([disabled], from: builtIn).isEmpty)
        #expect(try !MiddlewareChain([disabled, EffectiveMiddleware(name: "agentmode")], from: builtIn).isEmpty)
    }

    @Test func `the catalogue lists the five with names, versions and schemas`() throws {
        let documents = try BuiltInMiddlewares().catalog.all.map { $0.document() }
        #expect(
            documents.map { $0["name"] } == ["agentmode", "input-limit", "prompt-append", "redact", "require-json"])
        for document in documents {
            #expect(document["version"] == 1 && document["schema"]?["type"] == "object")
            #expect(document["schema"]?["additionalProperties"] == false)
            #expect(document["description"]?.stringValue?.isEmpty == false)
        }
    }
}
