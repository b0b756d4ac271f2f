import HTTPServer
import Testing

@testable import Gateway

struct AcceptedTypesTests {
    @Test(arguments: [
        (["a/b"], true), (["A/B;x=y"], true), (["a/b, */*"], true), (["*/*;q=0.9, a/b"], true),
        (["a/b;q=0.5, c/d;q=0.4"], true), (["c/d;q=0.5", "a/b"], true), (["a/b;q=nonsense"], true), ([", ,a/b"], true),
        ([], false), ([""], false), (["c/d, a/b"], false), (["a/b;q=0.5, */*;q=0.6"], false), (["a/b;q=0"], false),
        (["a/*"], false), (["*/*"], false), (["a/b; q=0.1, c/d"], false), (["c/d", "a/b"], false),
    ])
    func `a type is preferred when it is the first of the heaviest`(_ headers: [String], _ isPreferred: Bool) {
        var fields = HeaderFields()
        for header in headers { fields.append("Accept", header) }
        #expect(AcceptedTypes(fields).prefers("a/b") == isPreferred)
    }
}
