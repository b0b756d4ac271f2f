import JSON
import Middlewares
import Patterns
import Profiles
import Testing

@Suite struct RedactTests {
    @Test(arguments: [
        ("write to ann.o'neil+x@mail.example.org.", "write to [EMAIL_1]."),
        ("<jörg@müller.example>", "<[EMAIL_1]>"),
        ("a@b, @x.org and a@b.c are none", "a@b, @x.org and a@b.c are none"),
        ("card 4111 1111 1111 1111, exp 12/27", "card [CARD_1], exp 12/27"),
        ("4111-1111-1111-1111", "[CARD_1]"), ("378282246310005", "[CARD_1]"), ("6304000000000000", "[CARD_1]"),
        ("no 12 5555 5555 5555 4444 7", "no 12 [CARD_1] 7"),
        ("4111 1111 1111 1112 fails the check", "4111 1111 1111 1112 fails the check"),
        ("id 0000000000000000 and 1700000000000", "id 0000000000000000 and 1700000000000"),
        ("x4111111111111111 94111111111111111", "x4111111111111111 94111111111111111"),
        ("DE89 3704 0044 0532 0130 00 is mine", "[IBAN_1] is mine"),
        ("gb29nwbk60161331926819,", "[IBAN_1],"), ("NO93-8601-1117-947", "[IBAN_1]"),
        ("DE88 3704 1144 1532 1130 11 is wrong", "DE88 3704 1144 1532 1130 11 is wrong"),
        ("ZZ12 3456 7890 1234", "ZZ12 3456 7890 1234"), ("DE89  370400440532013000", "DE89  370400440532013000"),
        ("call +49 (0)30 1234567 now", "call [PHONE_1] now"), ("(212) 555-0123", "[PHONE_1]"),
        ("212-555-0123 or 0171 2345678", "[PHONE_1] or [PHONE_2]"), ("01 23 45 67 89", "[PHONE_1]"),
        ("0049 30 123456", "[PHONE_1]"),
        ("on 2024-01-02 at 10:30, 01-02-2024, 1,000,000", "on 2024-01-02 at 10:30, 01-02-2024, 1,000,000"),
        ("v1.2.3, 192.168.0.1, #12345678", "v1.2.3, 192.168.0.1, #12345678"),
    ])
    func `masks what is sensitive and leaves what only looks like it`(text: String, expected: String) throws {
        #expect(try masked(text, "{}") == expected)
    }

    @Test func `equal texts share a placeholder, others count up in the order of appearance`() throws {
        #expect(
            try masked("a@x.org b@x.org a@x.org 4111111111111111 c@x.org", "{}")
                == "[EMAIL_1] [EMAIL_2] [EMAIL_1] [CARD_1] [EMAIL_3]")
    }

    @Test func `only the chosen kinds are masked, and none when none is chosen`() throws {
        let text = "a@x.org 4111111111111111"
        #expect(try masked(text, #"{"patterns":["card"]}"#) == "a@x.org [CARD_1]")
        #expect(try masked(text, #"{"patterns":[]}"#) == text)
    }

    @Test func `custom patterns are masked under their names`() throws {
        let config = #"{"patterns":[],"custom":[{"name":"ticket","pattern":"abc-\\d+","ignore_case":true}]}"#
        #expect(try masked("see ABC-12, abc-7 and xyz-7", config) == "see [TICKET_1], [TICKET_2] and xyz-7")
    }

    @Test func `overlapping finds are masked as a whole`() throws {
        let config =
            #"{"patterns":["email"],"custom":[{"name":"t","pattern":"AB-\\d+@x"},{"name":"u","pattern":"org!+"}]}"#
        #expect(try masked("AB-12@x.org!!", config) == "[EMAIL_1]")
    }

    @Test func `every text of every message is masked`() throws {
        var run = try chain(("redact", "{}")).begin()
        var request = draft(
            ["role": "system", "content": "admin a@x.org"],
            [
                "role": "user",
                "content": [["type": "text", "text": "b@x.org"], ["type": "image_url", "image_url": ["url": "u"]]],
            ],
            [
                "role": "assistant", "content": .null,
                "tool_calls": [
                    [
                        "id": "1", "type": "function",
                        "function": [
                            "name": "f", "arguments": #"{"to":"c\u0040x.org","card":4111111111111111,"n":1.50}"#,
                        ],
                    ],
                    ["id": "2", "type": "custom", "custom": ["name": "g", "input": "d@x.org"]],
                ],
                "function_call": ["name": "h", "arguments": "not JSON: e@x.org"],
            ],
            ["role": "tool", "tool_call_id": "1", "content": "f@x.org"],
            [
                "role": "assistant", "content": [["type": "refusal", "refusal": "g@x.org"]],
                "reasoning_content": "h@x.org",
            ],
            prompt: "p@x.org")
        request.body["prediction"] = ["type": "content", "content": "i@x.org"]
        try run.onRequest(&request)
        let sent = request.composed().encodedText
        #expect(!sent.contains("@x.org") && !sent.contains("u0040"))
        #expect(request.systemPrompt == "[EMAIL_1]")
        #expect(request.messages[1]["content"]?[1]?["image_url"]?["url"] == "u")
        #expect(
            request.messages[2]["tool_calls"]?[0]?["function"]?["arguments"]?.stringValue
                == #"{"to":"[EMAIL_4]","card":"[CARD_1]","n":1.50}"#)
        #expect(request.messages[2]["tool_calls"]?[1]?["custom"]?["input"] == "[EMAIL_5]")
        #expect(request.messages[2]["function_call"]?["arguments"] == "not JSON: [EMAIL_6]")
        #expect(request.body["prediction"]?["content"] == "[EMAIL_10]")
    }

    @Test func `who asks and what describes is masked, what has to work is not`() throws {
        var run = try chain(("redact", "{}")).begin()
        var request = ChatRequestDraft(
            systemPrompt: nil,
            body: try JSONValue(
                parsing: #"""
                    {"messages":[{"role":"user","name":"a@b.de","content":[{"type":"file","file":{"filename":"a@b.de","file_data":"a@b.de"}},
                        {"type":"image_url","image_url":{"url":"a@b.de"}}]},{"role":"function","name":"a@b.de","content":"x"}],
                     "user":"a@b.de","safety_identifier":"a@b.de","prompt_cache_key":"a@b.de","metadata":{"a@b.de":"a@b.de"},
                     "stop":"a@b.de","web_search_options":{"a":"a@b.de","user_location":{"city":"a@b.de"}},
                     "tools":[{"function":{"name":"a@b.de","description":"a@b.de","parameters":{"description":"a@b.de",
                        "items":[{"title":"a@b.de"}],"additionalProperties":{"$comment":"a@b.de"},"enum":["a@b.de"]}}}],
                     "response_format":{"json_schema":{"name":"a@b.de","schema":{"$defs":{"d":{"not":{"title":"a@b.de"}}}}}},
                     "other":"a@b.de"}
                    """#
            ).objectValue ?? [:])
        try run.onRequest(&request)
        #expect(
            try JSONValue.object(request.body)
                == JSONValue(
                    parsing: #"""
                        {"messages":[{"role":"user","name":"[EMAIL_1]","content":[{"type":"file","file":{"filename":"[EMAIL_1]","file_data":"a@b.de"}},
                            {"type":"image_url","image_url":{"url":"a@b.de"}}]},{"role":"function","name":"a@b.de","content":"x"}],
                         "user":"[EMAIL_1]","safety_identifier":"[EMAIL_1]","prompt_cache_key":"[EMAIL_1]","metadata":{"a@b.de":"[EMAIL_1]"},
                         "stop":"[EMAIL_1]","web_search_options":{"a":"a@b.de","user_location":{"city":"[EMAIL_1]"}},
                         "tools":[{"function":{"name":"a@b.de","description":"[EMAIL_1]","parameters":{"description":"[EMAIL_1]",
                            "items":[{"title":"[EMAIL_1]"}],"additionalProperties":{"$comment":"[EMAIL_1]"},"enum":["a@b.de"]}}}],
                         "response_format":{"json_schema":{"name":"a@b.de","schema":{"$defs":{"d":{"not":{"title":"[EMAIL_1]"}}}}}},
                         "other":"a@b.de"}
                        """#))
    }

    @Test func `without restore the answer stays masked, and its bytes need not be touched`() throws {
        var run = try chain(("redact", "{}")).begin()
        var request = draft(user("a@x.org"))
        try run.onRequest(&request)
        var reply = answer("to [EMAIL_1]")
        #expect(!run.changesAnswers)
        #expect(try run.onAnswer(&reply) == .deliver && reply.text == "to [EMAIL_1]")
    }

    @Test func `with restore the originals come back in all texts, escaped where the text is JSON`() throws {
        let config = #"{"restore":true,"custom":[{"name":"q","pattern":"<.*>"}]}"#
        var run = try chain(("redact", config)).begin()
        #expect(!run.changesAnswers)
        var request = draft(user(#"<say "hi"> to a@x.org"#))
        try run.onRequest(&request)
        #expect(request.text() == "[Q_1] to [EMAIL_1]" && run.changesAnswers)
        var reply = ChatAnswer(
            body: [
                "choices": [
                    [
                        "message": [
                            "content": "[Q_1] [EMAIL_1] [EMAIL_2] [email_1]",
                            "tool_calls": [["function": ["arguments": #"{"x":"[Q_1]"}"#]]],
                        ]
                    ]
                ]
            ])
        #expect(try run.onAnswer(&reply) == .deliver)
        #expect(reply.text == #"<say "hi"> a@x.org [EMAIL_2] [email_1]"#)
        #expect(
            reply.body["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"]?["arguments"]
                == #"{"x":"<say \"hi\">"}"#)
    }

    @Test func `a structured answer stays JSON when originals come back`() throws {
        let config = #"{"restore":true,"patterns":[],"custom":[{"name":"q","pattern":"<.*>"}]}"#
        var run = try chain(("redact", config)).begin()
        var request = draft(user(#"<"\>"#))
        request = ChatRequestDraft(
            systemPrompt: nil,
            body: ["messages": request.body["messages"] ?? [], "response_format": ["type": "json_object"]])
        try run.onRequest(&request)
        var reply = answer(#"{"a":"[Q_1]"}"#)
        #expect(try run.onAnswer(&reply) == .deliver)
        #expect(try JSONValue(parsing: reply.text ?? "") == ["a": #"<"\>"#])
    }

    @Test func `a placeholder the user wrote himself never turns into somebody's address`() throws {
        var run = try chain(("redact", #"{"restore":true}"#)).begin()
        var request = draft(user("what is [EMAIL_1]? mine is a@x.org"))
        try run.onRequest(&request)
        #expect(request.text() == "what is [EMAIL_1]? mine is [EMAIL_2]")
        var reply = answer("[EMAIL_1] is a placeholder, [EMAIL_2] is yours")
        #expect(try run.onAnswer(&reply) == .deliver)
        #expect(reply.text == "[EMAIL_1] is a placeholder, a@x.org is yours")
    }

    @Test func `two uses in one list never share a placeholder`() throws {
        var run = try chain(
            ("redact", #"{"restore":true,"patterns":[],"custom":[{"name":"key","pattern":"k\\d"}]}"#),
            ("redact", #"{"restore":false,"patterns":[],"custom":[{"name":"key","pattern":"z\\d"}]}"#)
        ).begin()
        var request = draft(user("k1 z1"))
        try run.onRequest(&request)
        #expect(request.text() == "[KEY_1] [KEY_2]")
        var reply = answer("[KEY_1] [KEY_2]")
        #expect(try run.onAnswer(&reply) == .deliver && reply.text == "k1 [KEY_2]")
    }

    @Test func `too much to mask is refused, never sent half masked`() throws {
        var run = try chain(("redact", #"{"custom":[{"name":"d","pattern":"\\d"}]}"#)).begin()
        var request = draft(user(String(repeating: "1 ", count: 10_001)))
        let refusal = try #require(throws: MiddlewareRefusal.self) { try run.onRequest(&request) }
        #expect(refusal.status == 400 && refusal.code == "redaction_limit_exceeded")
    }

    @Test(arguments: [
        (#"{"patterns":["emails"]}"#, #"patterns[0]: must be one of "email", "card", "iban", "phone""#),
        (#"{"patterns":["email","email"]}"#, "patterns[1]: is the same as item 0"),
        (#"{"custom":[{"name":"a b","pattern":"x"}]}"#, "custom[0].name: must match the pattern"),
        (#"{"custom":[{"name":"a","pattern":"(x"}]}"#, #"custom[0].pattern: regular expression "(x": missing ): "#),
        (#"{"custom":[{"name":"a","pattern":"x*"}]}"#, "custom[0].pattern: matches the empty text"),
        (#"{"custom":[{"name":"a","pattern":"x"},{"name":"A","pattern":"y"}]}"#, "custom[1].name: there is a pattern"),
        (#"{"custom":[{"name":"Email","pattern":"x"}]}"#, "custom[0].name: there is a pattern of that name"),
        (#"{"custom":[{"name":"a"}]}"#, #"custom[0]: missing required field "pattern""#),
        (#"{"restore":"yes"}"#, "restore: must be a boolean, not a string"),
        (#"{"mask":true}"#, "mask: is not allowed"),
    ])
    func `a wrong configuration is refused with its place, by the catalogue as by the chain`(
        config: String, reason: String
    ) throws {
        let builtIn = try BuiltInMiddlewares()
        let value = try JSONValue(parsing: config)
        let violation = try #require(throws: JSONSchemaViolation.self) {
            try builtIn.catalog["redact"]?.validate(value.objectValue ?? [:])
        }
        #expect(violation.description.hasPrefix(reason.prefix(40)) && violation.description.contains(reason))
        let error = try #require(throws: ValidationError.self) {
            try MiddlewareChain([EffectiveMiddleware(name: "redact", config: value.objectValue ?? [:])], from: builtIn)
        }
        #expect(error == ValidationError(field: "runtime.middlewares[0].config", reason: violation.description))
    }
}

extension JSONObject {
    var encodedText: String { String(decoding: JSONValue.object(self).encoded(), as: UTF8.self) }
}
