import GatewayTestSupport
import JSON
import Testing

@Suite struct MembersTests {
    private func members(_ text: String) throws -> JSONMembers { try JSONMembers(scanning: Array(text.utf8)) }

    @Test func `finds the members with their ranges and kinds`() throws {
        let text = #" { "model" : "a\"b", "\u006dessages":[{"role":"user"}, 1],"n":-1.50,"x":null,"b":true,"o":{} } "#
        let found = try members(text)
        #expect(found.members.map(\.key) == ["model", "messages", "n", "x", "b", "o"])
        #expect(found.members.map(\.kind) == [.string, .array, .number, .null, .bool, .object])
        func slice(_ range: Range<Int>) -> String { String(decoding: found.bytes[range], as: UTF8.self) }
        #expect(found.members.map { slice($0.keyRange) }.prefix(2) == [#""model""#, #""\u006dessages""#])
        #expect(slice(try #require(found["messages"]).valueRange) == #"[{"role":"user"}, 1]"#)
        #expect(try found.value("n")?.numberValue?.text == "-1.50")
        #expect(try found.value("model") == "a\"b")
        #expect(try found.value("absent") == nil)
        let elements = try found.elements(in: #require(found["messages"]).valueRange)
        #expect(elements.map(\.kind) == [.object, .number])
        let first = try JSONMembers(of: found.bytes, in: #require(elements.first).range)
        #expect(try first.value("role") == "user")
    }

    @Test(arguments: [
        ("{\"a\":1,\"\\u0061\":2}", "a", 7), ("{\"x\":[0,{\"k\":1,\"k\":1}]}", "x[1].k", 15),
        ("{\"é\":1,\"\\u00e9\":2}", "é", 8),
    ])
    func `refuses duplicates at every level, compared unescaped`(_ text: String, _ path: String, _ offset: Int) throws {
        let error = try #require(throws: JSONError.self) { try members(text) }
        #expect(error.path == path)
        #expect(error.offset == offset)
        #expect(error.reason.hasPrefix("duplicate key"))
    }

    @Test func `finds a duplicate among very many keys in reasonable time`() throws {
        let keys = (0..<50_000).map { "\"k\($0)\":0" }
        #expect(try members("{" + keys.joined(separator: ",") + "}").members.count == 50_000)
        #expect(throws: JSONError.self) {
            try members("{\"o\":{" + (keys + ["\"k40000\":1"]).joined(separator: ",") + "}}")
        }
    }

    @Test(arguments: [
        "", " ", "[]", "1", "\"a\"", "null", "{", "{}x", "{} {}", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "{\"a\":01}",
    ])
    func `refuses what is no object or malformed`(_ text: String) {
        #expect(throws: JSONError.self) { try members(text) }
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":{"b":1,"b":2}}"#, #"{"a":"\ud83d"}"#, #"{"a":"\ude00 \ud83d\ud83d"}"#,
    ])
    func `the grammar alone takes what the parser refuses`(text: String) throws {
        #expect(throws: JSONError.self) { try JSONMembers(scanning: Array(text.utf8)) }
        #expect(try JSONMembers(scanning: Array(text.utf8), rules: .grammar).members.first?.key == "a")
    }

    @Test(arguments: [
        "{not json}", #"{"a":1,}"#, #"{"a":"\ud83"}"#, #"{"a":"\x"}"#, #"{"a":01}"#, #"{"a":1}{}"#, #"{"a":"\u"#, "{",
        "",
    ])
    func `the grammar alone still refuses what is no JSON`(text: String) {
        #expect(throws: JSONError.self) { try JSONMembers(scanning: Array(text.utf8), rules: .grammar) }
    }

    @Test func `takes 64 levels and refuses 65`() throws {
        func nested(_ depth: Int) -> String {
            "{\"a\":" + String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1) + "}"
        }
        #expect(throws: Never.self) { try members(nested(64)) }
        #expect(throws: JSONError.self) { try members(nested(65)) }
    }

    @Test func `accepts exactly what the parser accepts, on random documents`() {
        var random = SeededRandom(seed: 42)
        let alphabet = Array(#"{}[]",:\u0aDd8 1.-eE+truefalsn"#.utf8) + [0x0A, 0x00, 0xC3, 0xA9, 0xFF]
        let seeds = [#"{"a":1,"b":["x","\u00e9"],"c":{"d":null,"e":true}}"#, #"{"k":"v","n":-1.5e3}"#].map {
            Array($0.utf8)
        }
        var accepted = 0
        for round in 0..<60_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                bytes[position] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            let parsed: Result<JSONValue, any Error> = Result { try JSONValue(parsing: bytes) }
            let scanned: Result<JSONMembers, any Error> = Result { try JSONMembers(scanning: bytes) }
            switch (parsed, scanned) {
            case (.success(let value), .success(let members)):
                accepted += 1
                #expect(value.objectValue.map { Array($0.keys) } == members.members.map(\.key))
            case (.failure(let one), .failure(let other)):
                if (other as? JSONError)?.reason == "expected an object" { continue }
                #expect(one as? JSONError == other as? JSONError)
            default:
                Issue.record("parser and scanner disagree about \(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(accepted > 3_000)
    }

    @Test(arguments: [
        (#"{"a":1, "b":2 ,"c":3}"#, ["a"], #"{"b":2 ,"c":3}"#), (#"{"a":1, "b":2 ,"c":3}"#, ["b"], #"{"a":1 ,"c":3}"#),
        (#"{"a":1, "b":2 ,"c":3}"#, ["c"], #"{"a":1, "b":2}"#), (#"{ "a":1, "b":2 }"#, ["a", "b"], #"{  }"#),
        (#"{"a":1,"b":2,"c":3,"d":4}"#, ["a", "b", "d"], #"{"c":3}"#), (#"{"a":1}"#, ["x"], #"{"a":1}"#),
        (#"{"a":1,"b":2,"c":3,"d":4}"#, ["b", "c"], #"{"a":1,"d":4}"#),
    ])
    func `removes members byte-faithfully`(_ text: String, _ keys: [String], _ expected: String) throws {
        var splice = JSONSplice(try members(text))
        for key in keys { splice.remove(key) }
        #expect(String(decoding: splice.bytes(), as: UTF8.self) == expected)
    }

    @Test func `sets in place, appends, and edits inside values`() throws {
        let text = "{ \"model\": \"x\",\t\"messages\": [ {\"role\":\"user\"} ], \"n\":1.10 }\n"
        let found = try members(text)
        var splice = JSONSplice(found)
        splice.set("model", to: "gpt")
        splice.set("stream", to: true)
        splice.set("stream", to: false)
        splice.set("user", to: Array("\"u\"".utf8))
        splice.remove("user")
        let inside = try #require(found["messages"]).valueRange.lowerBound + 1
        splice.replace(inside..<inside, with: Array("{\"role\":\"system\"},".utf8))
        #expect(
            String(decoding: splice.bytes(), as: UTF8.self)
                == "{ \"model\": \"gpt\",\t\"messages\": [{\"role\":\"system\"}, {\"role\":\"user\"} ], \"n\":1.10,\"stream\":false }\n"
        )
    }

    @Test func `an emptied object takes new members without a comma`() throws {
        var splice = JSONSplice(try members(#"{"a":1}"#))
        splice.remove("a")
        splice.set("b", to: 2)
        splice.set("a", to: 3)
        #expect(String(decoding: splice.bytes(), as: UTF8.self) == #"{"b":2,"a":3}"#)
        var empty = JSONSplice(try members("{ }"))
        empty.set("b", to: 2)
        #expect(String(decoding: empty.bytes(), as: UTF8.self) == #"{"b":2 }"#)
    }

    @Test func `random splices mean the same as changes of the value`() throws {
        var random = SeededRandom(seed: 99)
        let names = ["a", "b", "c", "d", "é", "x\"y"]
        for _ in 0..<5_000 {
            let keys = names.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random))
            var object = JSONObject()
            for key in keys { object[key] = .number(JSONNumber(Int.random(in: 0...99, using: &random))) }
            let original =
                Bool.random(using: &random) ? JSONValue.object(object).encoded() : JSONValue.object(object).pretty()
            var splice = JSONSplice(try JSONMembers(scanning: original))
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let key = names[Int.random(in: 0..<names.count, using: &random)]
                if Bool.random(using: &random) {
                    splice.remove(key)
                    object.removeValue(forKey: key)
                } else {
                    let value = JSONValue.number(JSONNumber(Int.random(in: 100...999, using: &random)))
                    splice.set(key, to: value)
                    object[key] = value
                }
            }
            #expect(try JSONValue(parsing: splice.bytes()) == .object(object))
        }
    }
}
