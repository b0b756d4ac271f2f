import JSON
import Profiles
import Testing

@Suite struct PromptTemplateTests {
    private let variables =
        #"{"lang":{"type":"string","default":"English"},"name":{"required":true},"n":{"type":"integer"},"f":{"type":"boolean","default":false}}"#

    private func fill(_ prompt: String, _ given: JSONObject) throws -> String? {
        let body = try JSONValue(parsing: "{\"runtime\":{\"variables\":\(variables)}}")
        let declared = try Profile(document: body, slug: .default).runtime.variables.value ?? []
        return try PromptTemplate.fill(prompt, declared, with: given, path: "variables")
    }

    @Test(
        arguments: [
            ("Hi {{name}}, {{ lang }}!", ["name": "Ann"], "Hi Ann, English!"),
            ("{{name}}{{name}}", ["name": "{{lang}}"], "{{lang}}{{lang}}"), ("{{{name}}}", ["name": "x"], "{x}"),
            ("{{n}}/{{f}}", ["name": "x", "n": 7], "7/false"), ("{{other}} {{name", ["name": "x"], "{{other}} {{name"),
            ("{{n}}", ["name": "x"], ""), ("{{ name}} {{name }}", ["name": "é"], "é é"),
            ("{{}} {{name}}", ["name": "y"], "{{}} y"),
            ("{{lang}}", ["name": "x", "lang": "French"], "French"),
        ] as [(String, JSONObject, String)])
    func `placeholders are replaced once, plainly`(_ prompt: String, _ given: JSONObject, _ filled: String) throws {
        #expect(try fill(prompt, given) == filled)
    }

    @Test(
        arguments: [
            ([:], "variables.name", "is required by the profile and missing"),
            (["name": JSONValue.null], "variables.name", "is required by the profile and missing"),
            (["name": "x", "nope": 1], "variables.nope", "the profile declares no such variable"),
            (["name": "x", "nope": JSONValue.null], "variables.nope", "the profile declares no such variable"),
            (["name": 1], "variables.name", "must be of type string"),
            (["name": "x", "n": "7"], "variables.n", "must be of type integer"),
        ] as [(JSONObject, String, String)])
    func `wrong variables are refused by name`(_ given: JSONObject, _ field: String, _ reason: String) throws {
        let error = try #require(throws: ValidationError.self) { try fill("{{name}}", given) }
        #expect(error.field == field && error.reason == reason)
    }

    @Test func `a prompt of nothing but braces costs no more than its length`() throws {
        let prompt = String(repeating: "{", count: 1 << 20)
        #expect(try fill(prompt, ["name": "x"]) == prompt)
    }

    @Test func `few bytes cannot ask for a giant prompt`() throws {
        let prompt = String(repeating: "{{name}}", count: 100_000)
        let error = try #require(throws: ValidationError.self) {
            try fill(prompt, ["name": .string(String(repeating: "v", count: 1_000_000))])
        }
        #expect(error.field == "variables" && error.reason.hasPrefix("the system prompt would be longer than"))
        #expect(try fill(prompt, ["name": "1234567890"])?.utf8.count == 1_000_000)
    }

    @Test func `layers declare and take away variables, and the trace shows the filled prompt`() throws {
        let tenant = try TestTenant([
            "base":
                #"{"runtime":{"system_prompt":"{{a}}-{{b}}","variables":{"a":{"default":"1"},"b":{"required":true}}}}"#,
            "leaf": #"{"stack":[{"profile_slug":"base"}],"runtime":{"variables":{"b":null,"a":{"default":"2"}}}}"#,
        ])
        #expect(try tenant.resolve("base", variables: ["b": "x"]).effective.systemPrompt == "1-x")
        #expect(throws: ResolutionError.self) { try tenant.resolve("base") }
        let leaf = try tenant.resolve("leaf", explains: true)
        #expect(leaf.effective.systemPrompt == "2-{{b}}")
        #expect(leaf.trace?["/runtime/system_prompt"]?.steps.last?.layer == "request")
    }
}
