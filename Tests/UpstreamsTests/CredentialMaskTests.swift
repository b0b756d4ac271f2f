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

    @Test(arguments: [
        (
            "a-secret-of-twenty-1", #"{"a":"x a-secret-of-twenty-1 y","b":"a-secret-of-twenty-1"}"#,
            #"{"a":"x *** y","b":"***"}"#
        ),
        ("ollama", #"{"a":"ollama"}"#, nil),
        ("12345678901234567890", #"{"a":12345678901234567890}"#, nil),
        ("a-secret-of-twenty-1", #"{"a":"a-secret-of-twenty-2"}"#, nil),
    ])
    func `credentials nobody writes by chance disappear from answers`(secret: String, answer: String, expected: String?)
    {
        let masked = Array(answer.utf8).withUnsafeBytes { CredentialMask([secret]).masked($0) }
        #expect(masked.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(arguments: [
        "a-secret-of-twenty-1", "a-secret-of-twenty-1-longer", "twenty", "", "the-very-long-secret-of-somebody",
    ])
    func `one more credential is hidden as if it had been there from the start`(secret: String) {
        let known = ["a-secret-of-twenty-1", "the-very-long-secret", "ab"]
        let text = "a-secret-of-twenty-1-longer,the-very-long-secret-of-somebody,twenty,ab"
        let (grown, made) = (CredentialMask(known).hiding(secret), CredentialMask(known + [secret]))
        #expect(grown.masked(text) == made.masked(text))
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { grown.masked($0) } == bytes.withUnsafeBytes { made.masked($0) })
    }

    @Test func `a pattern is found wherever it stands`() {
        let pattern = BytePattern("abab".utf8)
        for text in ["abab", "xabab", "ababx", "aababb", "abaabab"] {
            #expect(Array(text.utf8).withUnsafeBytes { pattern.occurs(in: $0) }, "\(text)")
        }
        for text in ["", "aba", "abaab", "bababa".replacing("abab", with: "abba")] {
            #expect(!Array(text.utf8).withUnsafeBytes { pattern.occurs(in: $0) }, "\(text)")
        }
        #expect(Array("--x".utf8).withUnsafeBytes { BytePattern("x".utf8).occurs(in: $0) })
    }
}
