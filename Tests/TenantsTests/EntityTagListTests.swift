import Testing

@testable import Tenants

struct EntityTagListTests {
    @Test(arguments: ["\"a\"", "\"x\", \"a\"", "W/\"a\"", "*", " \"a\" "])
    func `If-None-Match compares weakly`(value: String) {
        #expect(EntityTagList(value).matchesWeakly("\"a\""))
    }

    @Test func `If-Match compares strongly`() {
        #expect(EntityTagList("\"a\"").matchesStrongly("\"a\""))
        #expect(!EntityTagList("W/\"a\"").matchesStrongly("\"a\""))
        #expect(EntityTagList("*").matchesStrongly("\"a\""))
        #expect(!EntityTagList("\"b\"").matchesStrongly("\"a\""))
    }

    @Test(arguments: ["", "a", "\"a", "\"a\" b", "W/a"])
    func `a value that is no list of tags is not well formed`(value: String) {
        #expect(!EntityTagList(value).isWellFormed)
    }
}
