import JSON
import Testing

@Suite struct SchemaTests {
    private func schema(_ text: String) throws -> JSONSchema {
        try JSONSchema(try JSONValue(parsing: text)) { source in { $0.contains(source) } }
    }

    private func verdict(_ schema: String, _ value: String) throws -> String {
        try self.schema(schema).violations(of: try JSONValue(parsing: value)).map(\.description)
            .joined(separator: " | ")
    }

    @Test(arguments: [
        (#"{"type":"string"}"#, "1", "must be a string, not a number"),
        (#"{"type":["integer","null"]}"#, "1.5", "must be null or an integer, not a number"),
        (#"{"type":"integer","minimum":1}"#, "-5", "must be at least 1, not -5"),
        (#"{"maximum":2}"#, "2.5", "must be at most 2, not 2.5"),
        (
            #"{"maximum":9007199254740992}"#, "9007199254740993",
            "must be at most 9007199254740992, not 9007199254740993"
        ),
        (#"{"exclusiveMinimum":0}"#, "0", "must be greater than 0, not 0"),
        (#"{"exclusiveMaximum":1}"#, "1.0", "must be less than 1, not 1.0"),
        (#"{"multipleOf":0.1}"#, "0.35", "must be a multiple of 0.1, not 0.35"),
        (#"{"minLength":2}"#, #""é""#, "must have at least 2 characters, not 1"),
        (#"{"maxLength":2}"#, #""abc""#, "must have at most 2 characters, not 3"),
        (#"{"pattern":"x"}"#, #""abc""#, "must match the pattern x"),
        (#"{"enum":["a",1]}"#, #""b""#, #"must be one of "a", 1"#),
        (#"{"const":{"a":[1]}}"#, #"{"a":[2]}"#, #"must be {"a":[1]}"#),
        (#"{"minItems":1}"#, "[]", "must have at least 1 items, not 0"),
        (#"{"maxItems":1}"#, "[1,2]", "must have at most 1 items, not 2"),
        (#"{"uniqueItems":true}"#, "[1,2,1.0]", "[2]: is the same as item 0; items must be unique"),
        (#"{"items":{"type":"string"}}"#, #"["a",2]"#, "[1]: must be a string, not a number"),
        (#"{"minProperties":1}"#, "{}", "must have at least 1 fields, not 0"),
        (#"{"maxProperties":0}"#, #"{"a":1}"#, "must have at most 0 fields, not 1"),
        (#"{"required":["x"]}"#, "{}", #"missing required field "x""#),
        (
            #"{"properties":{"x":{"type":"object","additionalProperties":false}},"additionalProperties":false}"#,
            #"{"x":{"y":1},"z":2}"#, #"x.y: is not allowed; no fields are | z: is not allowed; allowed are "x""#
        ),
        (#"{"additionalProperties":{"type":"null"}}"#, #"{"a":0}"#, "a: must be null, not a number"),
        (#"{"properties":{"a":false}}"#, #"{"a":0}"#, "a: is not allowed"),
        (#"{"not":{"type":"null"}}"#, "null", "must not satisfy the schema at not"),
        (
            #"{"anyOf":[{"type":"null"},{"type":"string"}]}"#, "1",
            "must satisfy at least one of 2 schemas (must be null, not a number; must be a string, not a number)"
        ),
        (#"{"oneOf":[{"minimum":1},{"minimum":2}]}"#, "3", "must satisfy exactly one of 2 schemas, not 2"),
        (#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, "3", "must be at most 2, not 3"),
        (##"{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}}"##, "3", "must be null, not a number"),
    ])
    func `refuses a value, saying where and why`(schema: String, value: String, violation: String) throws {
        #expect(try verdict(schema, value) == violation)
    }

    @Test(arguments: [
        (#"{"type":"integer"}"#, "3.0"), (#"{"type":"integer"}"#, "123456789012345678901234567890"),
        (#"{"enum":[1]}"#, "1.0"), (#"{"const":{"a":1,"b":[10]}}"#, #"{"b":[1e1],"a":1.0}"#),
        (#"{"multipleOf":0.1}"#, "0.3"), (#"{"multipleOf":3}"#, "-9"), (#"{"minLength":1,"maxLength":1}"#, #""😀""#),
        (#"{"required":["a"],"properties":{"a":{}}}"#, #"{"a":null,"b":1}"#), (#"{"minimum":5}"#, #""text""#),
        ("true", "[]"), (#"{"oneOf":[{"minimum":1},{"minimum":2}]}"#, "1"),
        (#"{"uniqueItems":true}"#, #"[1,"1",[1],{"a":1},{"a":2}]"#),
        (
            ##"{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##,
            ##"{"next":{"next":{}}}"##
        ),
    ])
    func `accepts a value that satisfies`(schema: String, value: String) throws {
        #expect(try verdict(schema, value) == "")
    }

    @Test(arguments: [
        (#"{"format":"date"}"#, "", #"keyword "format" is not supported and would not be enforced; remove it"#),
        (#"{"properties":{"a":{"if":{}}}}"#, "properties.a", #"keyword "if" is not supported"#),
        (#"{"$defs":{"unused":{"contains":{}}}}"#, "$defs.unused", #"keyword "contains" is not supported"#),
        (#"{"type":"text"}"#, "type", #""text" is not a type; there are null, boolean"#),
        (#"{"minLength":-1}"#, "minLength", "must be an integer that is not negative"),
        (#"{"required":"a"}"#, "required", "must be an array of strings"),
        (#"{"enum":[]}"#, "enum", "must be an array that is not empty"),
        (#"{"multipleOf":0}"#, "multipleOf", "must be greater than 0"),
        (#"{"items":[{}]}"#, "items", "must be a schema (an object or a boolean)"),
        (#"{"properties":{"x":1}}"#, "properties.x", "must be a schema"),
        (#"{"$ref":"http://example.org/x"}"#, "$ref", "is not \"#\" or a definition of this document"),
        (##"{"$ref":"#"}"##, "", "lead back to the same schema"),
        (
            ##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##,
            "", "lead"
        ),
        (#"{"minimum":1,"default":0}"#, "default", "does not satisfy its schema: must be at least 1, not 0"),
        (#"{"properties":{"m":{"enum":["a"],"default":"b"}}}"#, "properties.m.default", "does not satisfy its schema"),
        ("{\"properties\":{\"\u{e9}\":{},\"e\u{301}\":{}}}", "properties.e\u{301}", "differs from another property"),
        ("3", "", "must be a schema"),
    ])
    func `refuses a schema that would not be enforced as written`(schema: String, path: String, reason: String) throws {
        let error = try #require(throws: JSONSchemaError.self) { try self.schema(schema) }
        #expect(error.path == path)
        #expect(error.reason.contains(reason))
    }

    @Test func `a pattern without a compiler is refused, and a bad one says what is wrong with it`() throws {
        struct BadPattern: Error, CustomStringConvertible { let description = "missing ): (a" }
        let document: JSONValue = ["pattern": "(a"]
        #expect(
            throws: JSONSchemaError(path: "pattern", reason: "regular expressions are not supported here; remove it")
        ) {
            try JSONSchema(document)
        }
        #expect(throws: JSONSchemaError(path: "pattern", reason: "missing ): (a")) {
            try JSONSchema(document) { _ in throw BadPattern() }
        }
    }

    @Test func `a name in another Unicode form is another name`() throws {
        let schema = "{\"properties\":{\"\u{e9}\":{}},\"additionalProperties\":false}"
        #expect(try verdict(schema, "{\"\u{e9}\":1}") == "")
        #expect(try verdict(schema, "{\"e\u{301}\":1}").contains("is not allowed"))
    }

    @Test func `defaults fill what is absent, at every level that is present, and nothing else`() throws {
        let schema = try schema(
            ##"""
            {"properties":{"mode":{"type":"string","default":"chat"},"limits":{"$ref":"#/$defs/limits"},
             "rules":{"type":"array","items":{"properties":{"on":{"default":true}}}}},
             "$defs":{"limits":{"properties":{"rows":{"default":200},"bytes":{"type":"integer"}}}}}
            """##)
        let value = try JSONValue(parsing: #"{"limits":{"bytes":1},"rules":[{},{"on":false}],"mode":null}"#)
        #expect(
            schema.applyingDefaults(to: value)
                == (try JSONValue(
                    parsing: #"{"limits":{"bytes":1,"rows":200},"rules":[{"on":true},{"on":false}],"mode":null}"#)))
        #expect(schema.applyingDefaults(to: [:]) == ["mode": "chat"])
    }

    @Test func `alternatives that multiply over a nested value end with a refusal, soon`() throws {
        let schema = try schema(
            ##"""
            {"type":"object","anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}},"required":["a"]}]}
            """##)
        var nested: JSONValue = ["a": 1]
        for _ in 0..<60 { nested = ["a": nested] }
        #expect(schema.violations(of: nested).map(\.reason) == ["too large to be checked against this schema"])
    }

    @Test func `a violation knows the part of the schema it is of, and tells nothing of the value there`() throws {
        let schema = try self.schema(
            #"{"properties":{"a":{"items":{"type":"integer"}}},"additionalProperties":false,"required":["b"]}"#)
        let value = try JSONValue(parsing: #"{"a":[1,"x"],"secret":1}"#)
        #expect(schema.violations(of: value).map(\.schemaPath) == ["", "properties.a.items", ""])
    }

    @Test func `reports at most as many violations as asked for`() throws {
        let value = JSONValue.array((0..<1000).map { .string("\($0)") })
        #expect(try schema(#"{"items":{"type":"null"}}"#).violations(of: value, limit: 3).count == 3)
    }
}
