import Testing

@testable import Upstreams

struct CredentialMaskTests {
    @Test(arguments: [
        ("nothing here", "nothing here"), ("it is s3cret!", "it is ***!"), ("s3crets3cret", "******"),
        ("longer s3cret-extended here", "longer *** here"), ("key sk-abcdefghijkl.", "key ***"),
        ("sk-short stays", "sk-short stays"), ("task-abcdefghijklmnop", "task-abcdefghijklmnop"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"), ("bearer   xyz", "bearer   ***"),
        ("the bearer", "the bearer"), ("AIzaSyA1234567890 é", "*** é"), ("pgw_acme_0123456789", "***"), ("", ""),
    ])
    func `credentials disappear, words stay`(text: String, expected: String) {
        #expect(CredentialMask(["s3cret", "s3cret-extended", ""]).masked(text) == expected)
    }
}
