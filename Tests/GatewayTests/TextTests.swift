import Testing

@testable import Gateway

struct TextTests {
    @Test(arguments: [
        ("/data/t/profiles.db is damaged", "profiles.db is damaged"),
        ("rm '/data/t/profiles.db.state'; restart", "rm 'profiles.db.state'; restart"),
        ("mv '/a/x-wal' '/a/x-wal.foreign'", "mv 'x-wal' 'x-wal.foreign'"),
        ("(/data/t/x) and \"/data/t/y\"", "(x) and \"y\""),
        ("nothing  to cut'", "nothing  to cut'"),
    ])
    func `a text without directories keeps the quotes around what is left`(_ text: String, _ shown: String) {
        #expect(text.withoutDirectories == shown)
    }
}
