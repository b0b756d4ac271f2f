import JSON
import Testing

@Suite struct ObjectReaderTests {
    private func reader(_ text: String, path: String = "") throws -> ObjectReader {
        try ObjectReader(JSONValue(parsing: text), path: path)
    }

    @Test func `reads fields by type and takes null as absent`() throws {
        var reader = try reader(#"{"s":"x","b":false,"u":18446744073709551615,"i":-1,"a":["p"],"o":{},"n":null}"#)
        #expect(try reader.string("s") == "x")
        #expect(try reader.bool("b") == false)
        #expect(try reader.uint64("u") == .max)
        #expect(try reader.int64("i") == -1)
        #expect(try reader.strings("a") == ["p"])
        #expect(try reader.object("o")?.isEmpty == true)
        #expect(try reader.string("n") == nil)
        #expect(try reader.string("absent") == nil)
        try reader.finish()
    }

    @Test func `refuses a wrong type with the path of the field`() throws {
        var reader = try reader(#"{"s":1,"u":-1,"f":1.5,"a":["x",2],"o":[]}"#, path: "runtime")
        #expect(throws: FieldError(path: "runtime.s", reason: "must be a string")) { try reader.string("s") }
        #expect(
            throws: FieldError(path: "runtime.u", reason: "must be an integer from 0 to 18446744073709551615")
        ) { try reader.uint64("u") }
        #expect(throws: FieldError.self) { try reader.uint64("f") }
        #expect(throws: FieldError(path: "runtime.a[1]", reason: "must be a string")) { try reader.strings("a") }
        #expect(throws: FieldError(path: "runtime.o", reason: "must be an object")) { try reader.reader("o") }
    }

    @Test func `names the first unknown field, also beyond 64 members`() throws {
        var few = try reader(#"{"known":1,"extra":2,"more":3}"#, path: "policy")
        _ = few.value("known")
        #expect(throws: FieldError(path: "policy.extra", reason: "unknown field \"extra\"")) { try few.finish() }

        let names = (0..<100).map { "f\($0)" }
        var many = try reader("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        for name in names where name != "f77" { _ = many.value(name) }
        #expect(throws: FieldError(path: "f77", reason: "unknown field \"f77\"")) { try many.finish() }
        _ = many.value("f77")
        try many.finish()
    }

    @Test func `wants an object to begin with`() {
        #expect(throws: FieldError(path: "body", reason: "must be an object")) {
            try ObjectReader(JSONValue.array([]), path: "body")
        }
    }
}
